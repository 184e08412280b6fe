import copy

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import schedules
from schedules import identify, probe
from schedules.modes import MODES
from tests.unit.schedules.parity_cases import cases
from tests.unit.schedules.schedule_examples import ALL, TOTAL, example


def _model_and_optimizer() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = torch.nn.Linear(3, 2)
    return model, torch.optim.AdamW(model.parameters(), lr=0.5)


@pytest.mark.parametrize("family", ALL)
def test_every_family_is_recognised_by_its_rates(family: str) -> None:
    schedule = example(family)
    found = identify(schedule.lrs())
    assert found is not None
    assert (found.type, found.mode) == (family, "native")
    np.testing.assert_allclose(found.lrs(), schedule.lrs(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_recognised_in_its_plainest_form(mode: str) -> None:
    for family in set(MODES[mode]) - {"one_cycle"}:  # whose end lies past the run in optax, out of sight
        schedule = next(cases(mode, family))
        found = identify(schedule.lrs())
        assert found is not None, schedule
        np.testing.assert_allclose(found.lrs(), schedule.lrs(), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    "rates",
    [
        np.zeros(9),
        np.ones(1),
        np.array([1.0, np.nan, 2.0]),
        np.array([-1.0, 1.0]),
        np.random.default_rng(0).random(60),
    ],
)
def test_what_is_no_schedule_is_not_taken_for_one(rates: np.ndarray) -> None:
    assert identify(rates) is None


def test_probing_changes_neither_optimizer_nor_scheduler() -> None:
    model, optimizer = _model_and_optimizer()
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=TOTAL)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), scheduler.state_dict()))
    first = probe(optimizer, scheduler, 50)
    after = (model.state_dict(), optimizer.state_dict(), scheduler.state_dict())
    assert str(before) == str(after)
    np.testing.assert_array_equal(first.rates, probe(optimizer, scheduler, 50).rates)


def test_probing_begins_where_the_scheduler_is() -> None:
    _, optimizer = _model_and_optimizer()
    schedule = example("cosine")
    scheduler = schedules.scheduler(optimizer, schedule, completed=30)
    assert probe(optimizer, scheduler, 20).rates[:, 0].tolist() == schedule.lrs()[30:50].tolist()


def test_each_group_is_recorded() -> None:
    parameters = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 0.1)]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    diagnosis = probe(optimizer, lr_scheduler.ExponentialLR(optimizer, gamma=0.9), 10)
    np.testing.assert_allclose(diagnosis.rates[:, 1], 0.1 * diagnosis.rates[:, 0])
    assert diagnosis.schedule is not None
    assert diagnosis.schedule.type == "exponential"


def test_the_answer_reads_as_text() -> None:
    _, optimizer = _model_and_optimizer()
    text = str(probe(optimizer, lr_scheduler.CosineAnnealingLR(optimizer, T_max=1000), 100))
    assert text.startswith("equals {'type': 'cosine', 'total_steps': 100, 'mode': 'hf'")
    assert "'horizon': 1000" in text
    assert "warning never-anneals: the last update still trains at 98% of the peak" in text
    assert "warning horizon-mismatch: the decay ends at update 1000, the run at 100" in text


def test_a_curve_without_a_name_is_still_looked_at() -> None:
    _, optimizer = _model_and_optimizer()
    odd = lr_scheduler.LambdaLR(optimizer, lambda step: 1 + step % 3)
    diagnosis = probe(optimizer, odd, 30)
    assert diagnosis.schedule is None
    assert "never-anneals" in {finding.code for finding in diagnosis.findings}
    assert str(diagnosis).startswith("equals no schedule that is known here")


def test_a_scheduler_that_follows_a_metric_cannot_be_probed() -> None:
    _, optimizer = _model_and_optimizer()
    with pytest.raises(TypeError, match="follows a metric"):
        probe(optimizer, lr_scheduler.ReduceLROnPlateau(optimizer), 10)


def test_an_object_that_steps_no_optimizer_cannot_be_probed() -> None:
    class Idle:
        def step(self) -> None:
            pass

    _, optimizer = _model_and_optimizer()
    with pytest.raises(ValueError, match=r"Idle.step\(\) took 0 updates where 10 were asked for"):
        probe(optimizer, Idle(), 10)
