"""The pruners' rules: Optuna's own, report by report, and equal phases by brute force."""

import random
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, WilcoxonPruner
from optuna.trial import TrialState
from scipy.stats import wilcoxon

import schedules
from schedules.phases import phase
from service.domain.curves import Curve
from service.domain.pruning import Judge, signed_rank_p
from service.wire.search import Pruner

TOTAL = 81
EVERY = 3
PLAIN = schedules.build({"type": "linear", "total_steps": TOTAL, "peak_lr": 0.1, "warmup_steps": 1})
NAME = "red/oracle #1"


def judge(kind: str, *, longest: int = TOTAL, **options: Any) -> Judge:
    return Judge(pruner=Pruner.model_validate({"type": kind, **options}), longest=longest, study=NAME)


def curve(
    number: int,
    losses: Mapping[int, float] | list[Mapping[int, float]],
    state: str = "completed",
    schedule: schedules.Schedule = PLAIN,
    **fields: Any,
) -> Curve:
    seeds = losses if isinstance(losses, list) else [losses]
    return Curve(number=number, state=state, schedule=schedule, losses=dict(enumerate(seeds)), **fields)


def falling(draw: random.Random, steps: Iterable[int]) -> dict[int, float]:
    """A learning curve with noise; curves cross."""
    end, speed = draw.uniform(1, 3), draw.uniform(5, 60)
    return {step: end + 4 * 2 ** (-step / speed) + draw.gauss(0, 0.05) for step in steps}


ORACLES: list[tuple[BasePruner, Judge]] = [
    (MedianPruner(n_startup_trials=4), judge("median", n_startup_trials=4)),
    (MedianPruner(n_startup_trials=1), judge("median", n_startup_trials=1)),
    (HyperbandPruner(min_resource=3, max_resource=TOTAL), judge("hyperband", min_resource=3)),
    (
        HyperbandPruner(min_resource=5, max_resource=TOTAL, reduction_factor=2),
        judge("hyperband", min_resource=5, reduction_factor=2),
    ),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("pruner", "ours"), ORACLES, ids=["median-4", "median-1", "hyperband-3", "hyperband-2"])
def test_median_and_hyperband_decide_as_optunas_do(pruner: BasePruner, ours: Judge, seed: int) -> None:
    """Six lanes train 60 trials side by side; after each loss both are asked."""
    draw = random.Random(seed)
    study = optuna.create_study(study_name=NAME, pruner=pruner)
    ended: list[Curve] = []
    lanes: dict[int, tuple[optuna.Trial, dict[int, float], dict[int, float]]] = {}
    made = pruned = 0
    while made < 60 or lanes:
        while len(lanes) < 6 and made < 60:
            lanes[made] = (study.ask(), falling(draw, range(EVERY, TOTAL + 1, EVERY)), {})
            made += 1
        number = draw.choice(list(lanes))
        trial, losses, seen = lanes[number]
        step = EVERY * (len(seen) + 1)
        seen[step] = losses[step]
        if step == TOTAL:
            study.tell(trial, losses[step])
            ended.append(curve(number, seen))
            del lanes[number]
            continue
        trial.report(losses[step], step)
        under_way = [curve(other, lane[2], "running") for other, lane in lanes.items()]
        expected = trial.should_prune()
        assert ours.is_hopeless(curve(number, seen, "running"), [step], [*ended, *under_way]) == expected
        if expected:
            study.tell(trial, state=TrialState.PRUNED)
            ended.append(curve(number, seen, "pruned"))
            del lanes[number]
            pruned += 1
    assert 10 < pruned < 60


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_decides_as_optunas_does_after_each_seed(seed: int) -> None:
    draw, pruned = random.Random(seed), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        pruner = WilcoxonPruner(p_threshold=0.1, n_startup_steps=0)
    study, ours, ended = optuna.create_study(pruner=pruner), judge("wilcoxon"), list[Curve]()
    hardness = [draw.gauss(0, 1) for _ in range(8)]
    for number in range(15):
        trial, quality, final = study.ask(), draw.uniform(2, 4), dict[int, float]()
        for replicate in range(8):
            final[replicate] = quality + hardness[replicate] + draw.gauss(0, 0.3)
            trial.report(final[replicate], replicate)
            if replicate == 0:  # one pair can never be enough, and scipy does not take it
                continue
            if replicate < 7 and (expected := trial.should_prune()) | True:
                found = ours.is_hopeless(curve(number, {}, "running", final=dict(final)), [], ended)
                assert found == expected
                if expected:
                    pruned += 1
                    study.tell(trial, state=TrialState.PRUNED)
                    break
        else:
            study.tell(trial, sum(final.values()) / 8)
            ended.append(curve(number, {}, final=final, value=sum(final.values()) / 8))
    assert pruned > 2


@pytest.mark.parametrize("count", [2, 5, 9])
def test_the_signed_rank_test_is_exact(count: int) -> None:
    draw = random.Random(count)
    for _ in range(20):
        differences = [draw.gauss(0.3, 1) for _ in range(count)]
        expected = wilcoxon(differences, alternative="greater", method="exact").pvalue
        assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-12)
    assert signed_rank_p([0.0] * count) == 1


def brute_force(mine: Curve, step: int, others: list[Curve], *, startup: int, keep: float) -> bool:
    """The phase rule by trying every update: rivals are read off a table of all updates of all runs."""
    at, rivals = phase(mine.schedule, step), set()
    own = mine.losses[0][step]
    for other in others:
        if other.schedule.type != mine.schedule.type or other.number == mine.number:
            continue
        known = other.losses[0]
        for first in sorted(known):
            for second in sorted(known):
                begin, end = phase(other.schedule, first), phase(other.schedule, second)
                if begin.part != at.part or end.part != at.part or any(first < one < second for one in known):
                    continue
                if first == second and abs(begin.share - at.share) < 1e-9:
                    rivals.add(known[first])
                elif first < second and begin.share + 1e-9 < at.share < end.share - 1e-9:
                    done = (at.share - begin.share) / (end.share - begin.share)
                    rivals.add(known[first] + done * (known[second] - known[first]))
    if len(rivals) < startup:
        return False
    return sorted([*rivals, own]).index(own) >= keep * (len(rivals) + 1)


@pytest.mark.parametrize("keep", [0.25, 0.5, 0.8])
def test_the_phase_pruner_compares_equal_phases_of_the_same_schedule_type_alone(keep: float) -> None:
    draw, verdicts = random.Random(round(keep * 100)), []
    for _ in range(150):
        runs = []
        for number in range(14):
            total = draw.choice([60, 90, 200])
            kind: dict[str, Any] = draw.choice(
                [{"type": "wsd", "decay_fraction": draw.choice([0.2, 0.5])}, {"type": "cosine"}]
            )
            plan = kind | {"total_steps": total, "warmup_steps": draw.randint(1, 20), "peak_lr": 0.1}
            done = draw.choice([total, total, total // 2])
            runs.append(curve(number, falling(draw, range(0, done + 1, total // 10)), schedule=schedules.build(plan)))
        mine = runs[0]
        for step in mine.losses[0]:
            if step in (0, mine.schedule.total_steps):
                continue
            found = judge("phase", n_startup_trials=3, keep=keep).is_hopeless(mine, [step], runs)
            in_warmup = phase(mine.schedule, step).part == "warmup"
            expected = not in_warmup and brute_force(mine, step, runs, startup=3, keep=keep)
            assert found == expected
            verdicts.append(found)
    assert 20 < sum(verdicts) < len(verdicts) - 20


@pytest.mark.parametrize("kind", ["median", "hyperband", "phase"])
def test_nothing_is_pruned_in_its_warmup_or_for_its_last_loss(kind: str) -> None:
    slow = schedules.build({"type": "linear", "total_steps": TOTAL, "peak_lr": 0.1, "warmup_steps": 40})
    steps = list(range(EVERY, TOTAL + 1, EVERY))
    others = [curve(number, dict.fromkeys(steps, 1 + number / 100), schedule=slow) for number in range(1, 9)]
    worst = curve(0, dict.fromkeys(steps, 9.0), "running", slow)
    rule = judge(kind, **({"min_resource": 3} if kind == "hyperband" else {"n_startup_trials": 1}))
    early = [step for step in steps if step <= 40]
    assert not rule.is_hopeless(worst, early, others)
    assert not rule.is_hopeless(worst, [TOTAL], others)
    if kind != "hyperband":  # which looks at its rungs alone
        assert rule.is_hopeless(worst, [42], others)


@pytest.mark.parametrize("kind", ["median", "hyperband", "phase"])
def test_trials_that_share_a_beginning_are_not_pruned_for_being_equal(kind: str) -> None:
    steps = range(EVERY, TOTAL + 1, EVERY)
    shared = {step: 5 - step / 100 for step in steps}
    trunk = [curve(number, shared) for number in range(1, 20)]
    rule = judge(kind, **({"min_resource": 3} if kind == "hyperband" else {"n_startup_trials": 1}))
    assert not rule.is_hopeless(curve(0, shared, "running"), [27], trunk)


@pytest.mark.parametrize("kind", ["median", "phase"])
def test_a_shared_beginning_counts_once(kind: str) -> None:
    steps = range(EVERY, TOTAL + 1, EVERY)
    trunk = [curve(number, {step: 5 - step / 100 for step in steps}) for number in range(1, 20)]
    a_little_worse = curve(0, {step: 5.001 - step / 100 for step in steps}, "running")
    assert not judge(kind, n_startup_trials=2).is_hopeless(a_little_worse, [27], trunk)


def test_trials_are_compared_over_the_same_seeds() -> None:
    """Seed 1 is harder for all: a trial of which only seed 1 has begun is not worse for that."""
    others = [curve(number, [{30: 1.0 + number / 100}, {30: 3.0 + number / 100}]) for number in range(1, 7)]
    only_hard = Curve(number=0, state="running", schedule=PLAIN, losses={1: {30: 3.0}})
    assert not judge("phase", n_startup_trials=2).is_hopeless(only_hard, [30], others)
    assert judge("phase", n_startup_trials=2).is_hopeless(curve(0, [{30: 3.0}, {30: 3.1}], "running"), [30], others)
