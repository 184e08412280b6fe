"""The forms in which people write schedules today: what each really does, and what the probe says about it."""

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import Optimizer, lr_scheduler

import schedules
from schedules import Diagnosis, NoamOpt, build, probe
from tests.unit.schedules.schedule_examples import D_MODEL, PEAK, TOTAL, WARMUP, example


def _optimizer(lr: float) -> Optimizer:
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def _noam_lambda(t: int) -> float:
    n = max(1, t)
    return float(D_MODEL**-0.5 * min(n**-0.5, n * WARMUP**-1.5))


def _probed(lr: float, factor: Any, updates: int = TOTAL, **options: Any) -> Diagnosis:
    optimizer = _optimizer(lr)
    return probe(optimizer, lr_scheduler.LambdaLR(optimizer, factor), updates, **options)


def _codes(diagnosis: Diagnosis) -> set[str]:
    return {finding.code for finding in diagnosis.findings}


def test_form_1_a_noam_lambda_on_a_rate_of_a_thousandth_is_a_thousand_times_too_small() -> None:
    broken = _probed(0.001, _noam_lambda)
    meant = example("noam")
    np.testing.assert_allclose(broken.rates[1:, 0], 0.001 * meant.lrs()[:-1], rtol=1e-12)
    finding = next(finding for finding in broken.findings if finding.code == "multiplied-by-base-lr")
    assert "peaks at 2.79508e-05" in finding.message
    assert "did you mean a peak of 0.0279508" in finding.suggestion

    right = _probed(1.0, _noam_lambda)
    assert (right.schedule, right.late) == (meant.with_total_steps(TOTAL - 1), 1)
    assert "multiplied-by-base-lr" not in _codes(right)
    assert "one update late" in str(right)


def test_form_2_a_lambda_that_only_multiplies_grows_without_end() -> None:
    grown = _probed(1.0, lambda step: (1 + step / WARMUP) * D_MODEL**-0.5 / 2000)
    assert grown.rates[-1, 0] == grown.rates.max()
    finding = next(finding for finding in grown.findings if finding.code == "still-rising")
    assert "did you mean min(n^-0.5, n W^-1.5)" in finding.suggestion


def test_form_3_the_noam_wrapper_has_the_right_rates_and_is_no_scheduler() -> None:
    class Wrapper:
        def __init__(self, optimizer: Optimizer) -> None:
            self.optimizer, self._step = optimizer, 0

        def step(self) -> None:
            self._step += 1
            for group in self.optimizer.param_groups:
                group["lr"] = _noam_lambda(self._step)
            self.optimizer.step()

        def state_dict(self) -> dict[str, int]:
            return {"_step": self._step}

    optimizer = _optimizer(0.0)
    diagnosis = probe(optimizer, Wrapper(optimizer), TOTAL)
    assert (diagnosis.schedule, diagnosis.late) == (example("noam"), 0)
    assert _codes(diagnosis) == {"not-an-lr-scheduler"}
    assert "optimizer" not in Wrapper(optimizer).state_dict()
    assert "optimizer" in NoamOpt(D_MODEL, 1.0, WARMUP, optimizer).state_dict()


def test_form_4_a_subclass_that_sets_its_attributes_too_late_fails_at_once() -> None:
    class Late(lr_scheduler.LambdaLR):
        def __init__(self, optimizer: Optimizer, warmup: int) -> None:
            super().__init__(optimizer, self.factor)
            self.warmup = warmup

        def factor(self, step: int) -> float:
            return min(1.0, step / self.warmup)

    with pytest.raises(AttributeError, match="warmup"):
        Late(_optimizer(1.0), WARMUP)
    optimizer = _optimizer(1.0)
    assert schedules.scheduler(optimizer, example("constant")).get_last_lr() == [PEAK / WARMUP]


def test_form_5_linear_warmup_and_decay_is_right_but_wastes_the_first_update() -> None:
    def factor(step: int) -> float:
        if step < WARMUP:
            return step / WARMUP
        return max(0.0, (TOTAL - step) / (TOTAL - WARMUP))

    diagnosis = _probed(PEAK, factor)
    assert diagnosis.schedule == example("linear", mode="hf")
    assert diagnosis.rates[0, 0] == 0
    assert _codes(diagnosis) == {"first-update-zero", "lambda-not-saved"}


def test_form_6_a_ramp_on_the_smallest_rate_never_reaches_the_largest() -> None:
    smallest, largest = 1e-5, 1e-3
    diagnosis = _probed(smallest, lambda step: min(1.0, step / WARMUP))
    assert diagnosis.rates.max() == smallest
    finding = next(finding for finding in diagnosis.findings if finding.code == "peaks-at-base-lr")
    assert "peaks at 1e-05" in finding.message
    assert "did you mean it as start_lr of a higher peak_lr?" in finding.suggestion

    meant = example("constant", start_lr=smallest, peak_lr=largest)
    assert meant.lrs().max() == largest
    assert meant.lrs().min() > smallest


def test_form_7_rates_written_by_hand_decay_to_their_floor_and_are_lost_on_resume() -> None:
    class ByHand:
        def __init__(self, optimizer: Optimizer) -> None:
            self.optimizer, self.n = optimizer, 0

        def step(self) -> None:
            self.n += 1
            for group in self.optimizer.param_groups:
                group["lr"] = max(1e-4, PEAK * math.exp(-0.05 * self.n))
            self.optimizer.step()

    optimizer = _optimizer(PEAK)
    diagnosis = probe(optimizer, ByHand(optimizer), TOTAL)
    assert diagnosis.schedule is not None
    meant = example("exponential", warmup_steps=0, final_lr=None, decay_rate=0.05, floor=1e-4)
    np.testing.assert_allclose(diagnosis.schedule.lrs(), meant.lrs(), rtol=1e-9)
    assert "not-an-lr-scheduler" in _codes(diagnosis)
    resumed = schedules.scheduler(_optimizer(1.0), meant, completed=50)
    assert resumed.get_last_lr() == [meant.lr(51)]


def test_form_8_a_norm_called_norm1_gets_weight_decay_when_groups_go_by_name() -> None:
    model = torch.nn.TransformerEncoderLayer(8, 2)
    spared_names = ("bias", "LayerNorm.weight")
    by_name = [name for name, _ in model.named_parameters() if not any(part in name for part in spared_names)]
    assert "norm1.weight" in by_name
    decayed, spared = schedules.param_groups(model, 0.1)
    assert not any(parameter is model.norm1.weight for parameter in decayed["params"])
    assert any(parameter is model.norm1.weight for parameter in spared["params"])


@pytest.mark.parametrize(
    ("how", "first_rates"),
    [
        ({}, [1, 2, 3, 4]),
        ({"before": True}, [2, 3, 4, 5]),
        ({"every": 2}, [1, 1, 2, 2]),
        ({"times": 2}, [1, 3, 5, 7]),
    ],
)
def test_form_9_a_scheduler_stepped_early_or_too_rarely_or_too_often(
    how: dict[str, Any], first_rates: list[int]
) -> None:
    optimizer, meant = _optimizer(1.0), example("linear")
    diagnosis = probe(optimizer, schedules.scheduler(optimizer, meant), TOTAL, wanted=meant, **how)
    assert diagnosis.rates[:4, 0].tolist() == [meant.lr(n) for n in first_rates]
    assert ("differs-from-wanted" in _codes(diagnosis)) == bool(how)
    assert ("stepped-per-epoch" in _codes(diagnosis)) == ("every" in how)


def test_form_10_chained_schedulers_multiply_and_never_reach_the_peak() -> None:
    optimizer = _optimizer(PEAK)
    parts = [
        lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=WARMUP),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=TOTAL),
    ]
    diagnosis = probe(optimizer, lr_scheduler.ChainedScheduler(parts, optimizer=optimizer), TOTAL)
    assert diagnosis.schedule is not None
    assert diagnosis.schedule.mode == "torch_chained"
    assert diagnosis.rates.max() < PEAK
    finding = next(finding for finding in diagnosis.findings if finding.code == "peak-never-reached")
    assert "SequentialLR" in finding.suggestion


def test_form_10_sequential_schedulers_reach_it_one_update_after_the_milestone() -> None:
    optimizer = _optimizer(PEAK)
    warmup = lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=WARMUP)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=TOTAL - WARMUP)
    sequential = lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[WARMUP])
    diagnosis = probe(optimizer, sequential, TOTAL)
    assert diagnosis.schedule is not None
    np.testing.assert_allclose(
        diagnosis.schedule.lrs(), example("cosine", mode="torch", start_lr=0.01 * PEAK).lrs(), rtol=1e-9, atol=1e-15
    )
    assert int(diagnosis.rates.argmax()) + 1 == WARMUP + 1


def test_form_11_neither_a_lambda_nor_a_partial_is_saved_and_the_schedule_is() -> None:
    for factor in (lambda step: 0.5, functools.partial(math.pow, 0.9)):
        optimizer = _optimizer(1.0)
        saved = lr_scheduler.LambdaLR(optimizer, factor).state_dict()
        assert saved["lr_lambdas"] in ([None], [{}])
        assert "lambda-not-saved" in _codes(_probed(1.0, factor, updates=5))
    ours = schedules.scheduler(_optimizer(1.0), example("noam")).state_dict()
    assert build(ours["schedule"]) == example("noam")


def test_form_11_resuming_with_last_epoch_is_one_update_off() -> None:
    done = 50
    whole = _probed(1.0, _noam_lambda).rates[:, 0]
    optimizer = _optimizer(1.0)
    optimizer.param_groups[0]["initial_lr"] = 1.0
    lr_scheduler.LambdaLR(optimizer, _noam_lambda, last_epoch=done)
    assert optimizer.param_groups[0]["lr"] == whole[done + 1] != whole[done]
    assert schedules.scheduler(optimizer, example("noam"), completed=done).get_last_lr() == [example("noam").lr(51)]
