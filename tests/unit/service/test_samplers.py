"""What each sampler proposes: a function of the sweep, the trial's number and the past; a batch differs."""

import json
import math
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import QMCSampler

from service.domain.axes import Axis, Point
from service.domain.past import Lesson, Past
from service.domain.space import SearchSpace
from service.studies.evolution import Evolution
from service.studies.proposing import MOST_LESSONS, proposer
from service.studies.surrogate import Surrogate, SurrogateError
from service.wire.search import Sampler
from service.wire.sweep import SweepSpec

RANGE = {"low": 1e-4, "high": 1e-1, "log": True}
MIXED = ["noam", {"type": "wsd", "decay_fraction": {"low": 0.1, "high": 0.5}, "shape": ["linear", "1-sqrt"]}, "cosine"]
EVERY = ["random", "qmc", "tpe", "gp", "cmaes"]


@pytest.fixture(scope="module")
def surrogate() -> Iterator[Surrogate]:
    """The helper process, started once."""
    helper = Surrogate()
    yield helper
    helper.close()


def space(kind: str, schedule: list[Any] = MIXED, **sampler: Any) -> SearchSpace:
    """A space of 100 updates."""
    return SearchSpace(
        SweepSpec.model_validate(
            {
                "space": {"schedule": schedule, "warmup_steps": {"low": 2, "high": 10, "log": True}, "peak_lr": RANGE},
                "sampler": {"type": kind, **sampler},
                "trials": 20,
                "total_steps": 100,
            }
        )
    )


def loss(point: Point) -> float:
    """A bowl around a peak of 0.01 and a warmup of 6; wsd is best, at a decay of 0.3."""
    bowl = math.log10(float(point.get("peak_lr", 0.05)) / 0.01) ** 2 + (float(point["warmup_steps"]) - 6) ** 2 / 50
    return bowl + (abs(float(point["wsd.decay_fraction"]) - 0.3) if "wsd.decay_fraction" in point else 0.3)


def trained(of: SearchSpace, surrogate: Surrogate, rounds: int, batch: int) -> Past:
    """A past in which batches were proposed and trained, as by a service that was restarted after each."""
    past, number = Past(), 0
    for _ in range(rounds):
        propose = proposer(of, past, surrogate, {})
        points = [propose(number + index) for index in range(batch)]
        for point in points:
            past.learn(Lesson(number=number, point=point, value=loss(point)))
            number += 1
    return past


@pytest.mark.parametrize("kind", EVERY)
def test_a_batch_differs_and_every_point_is_a_schedule_of_the_space(kind: str, surrogate: Surrogate) -> None:
    found = space(kind, ["linear", *MIXED[1:]], n_startup_trials=2) if kind in ("tpe", "gp") else space(kind)
    past = trained(found, surrogate, rounds=2, batch=4)
    propose = proposer(found, past, surrogate, {})
    points = [propose(100 + index) for index in range(8)]
    distinct = {json.dumps(point) for point in points}
    assert len(distinct) >= (8 if kind in ("tpe", "gp") else 6)  # noam has few points
    for point in points:
        entry = found.entries[str(point["schedule"])]
        assert set(point) == {"schedule"} | {axis.name for axis in found.axes_of(entry)}
        found.configuration(point)


@pytest.mark.parametrize("kind", EVERY)
def test_a_restart_changes_no_proposal(kind: str, surrogate: Surrogate) -> None:
    found = space(kind, ["linear"], **({"n_startup_trials": 3} if kind in ("tpe", "gp") else {}))
    past = trained(found, surrogate, rounds=3, batch=4)
    one, other = proposer(found, past, surrogate, {}), proposer(found, past, surrogate, {})
    assert one(50) == other(50) != one(51)


def test_the_points_of_qmc_are_those_of_optunas_sampler_run_alone() -> None:
    found = space("qmc", ["linear", "cosine"], seed=5)
    ours = proposer(found, Past(), Surrogate(), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study = optuna.create_study(sampler=QMCSampler(scramble=True, seed=5))
    seen = []
    for number in range(33):
        trial = study.ask()
        seen.append(
            {
                "schedule": trial.suggest_categorical("schedule", ["linear", "cosine"]),
                "warmup_steps": trial.suggest_int("warmup_steps", 2, 10, log=True),
                "peak_lr": trial.suggest_float("peak_lr", 1e-4, 1e-1, log=True),
            }
        )
        study.tell(trial, float(number))
    # Optuna's first trial is drawn at random: it does not know the axes yet.
    assert [ours(place) for place in range(32)] == seen[1:]


def test_each_half_of_every_axis_gets_half_of_the_points_of_qmc() -> None:
    propose = proposer(space("qmc", ["linear", "cosine"]), Past(), Surrogate(), {})
    points = [propose(number) for number in range(64)]
    assert sum(float(point["peak_lr"]) < math.sqrt(1e-4 * 1e-1) for point in points) == 32
    assert sum(point["schedule"] == "linear" for point in points) == 32


@pytest.mark.parametrize("kind", ["tpe", "gp", "cmaes"])
def test_samplers_that_learn_find_the_bowl_where_random_does_not(kind: str, surrogate: Surrogate) -> None:
    rounds, batch = (6, 3) if kind == "gp" else (15, 4)
    options = {"n_startup_trials": 6} if kind != "cmaes" else {}
    learned = trained(space(kind, ["linear"], **options), surrogate, rounds, batch)
    drawn = trained(space("random", ["linear"]), surrogate, rounds, batch)
    late = [lesson.value for lesson in learned.ended[-batch * 3 :]]
    assert sum(late) / len(late) < 0.6 * sum(lesson.value for lesson in drawn.ended) / len(drawn.ended)


def test_gp_and_cmaes_take_the_schedules_in_turn(surrogate: Surrogate) -> None:
    for kind in ("gp", "cmaes"):
        past = trained(space(kind), surrogate, rounds=1, batch=6)
        assert [lesson.point["schedule"] for lesson in past.ended] == ["noam", "wsd", "cosine"] * 2


def test_cmaes_learns_from_results_in_any_grouping_alike() -> None:
    axes = [Axis("x", None, 0.0, 1.0), Axis("y", None, 1.0, 100.0, log=True)]
    lessons = [
        Lesson(number=number, point={"x": number / 40, "y": 1.0 + number}, value=abs(number - 20.0))
        for number in range(40)
    ]
    one, other = Evolution(axes, Sampler(type="cmaes")), Evolution(axes, Sampler(type="cmaes"))
    one.learn(lessons)
    for count in range(1, 41):
        other.learn(lessons[:count])
    assert one.ask(7) == other.ask(7) != Evolution(axes, Sampler(type="cmaes")).ask(7)


@pytest.mark.parametrize("log", [False, True])
def test_an_axis_gives_every_whole_number_its_part_of_the_range(log: bool) -> None:
    axis = Axis("steps", None, 1, 8, log, integer=True)
    found = [int(axis.at(share / 10_000)) for share in range(10_001)]
    assert sorted(set(found)) == list(range(1, 9))
    assert found == sorted(found)
    if not log:
        assert {round(found.count(value) / 1_250) for value in range(1, 9)} == {1}
    assert [axis.at(axis.share_of(value)) for value in range(1, 9)] == list(range(1, 9))


def test_what_is_learned_from_is_bounded_to_the_best_and_the_newest() -> None:
    past = Past()
    for number in range(1_000):
        pruned_at = 5 if number % 2 else None
        past.learn(Lesson(number=number, point={}, value=float(abs(number - 300)), pruned_at=pruned_at))
    chosen = [lesson.number for lesson in past.selection(100)]
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 100
    assert set(range(950, 1_000)) <= set(chosen)
    assert set(range(252, 350, 2)) <= set(chosen)  # the best, before any pruned one


def test_a_tpe_that_may_learn_from_all_proposes_what_optunas_does(monkeypatch: pytest.MonkeyPatch) -> None:
    found = space("tpe", ["linear"], n_startup_trials=1)
    lessons = trained(found, Surrogate(), rounds=10, batch=3)
    everything = proposer(found, lessons, Surrogate(), {})(30)
    monkeypatch.setitem(MOST_LESSONS, "tpe", 10_000)
    assert proposer(found, lessons, Surrogate(), {})(30) == everything
    monkeypatch.setitem(MOST_LESSONS, "tpe", 4)
    assert proposer(found, lessons, Surrogate(), {})(30) != everything


def test_a_helper_that_died_is_started_again(surrogate: Surrogate) -> None:
    def ask() -> Point:
        return surrogate.propose({"x": FloatDistribution(0, 1)}, [({"x": 0.1}, 1.0), ({"x": 0.5}, 0.2)], [], 3)

    first = ask()
    process = surrogate._process
    assert process is not None
    process.kill()
    process.wait()
    assert ask() == first


def test_a_question_that_cannot_be_answered_is_an_error_and_the_trial_is_drawn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Surrogate()

    def refuse(*_: object) -> Point:
        raise SurrogateError("it has no memory left")

    found = space("gp", ["linear"], n_startup_trials=1)
    past = trained(space("random", ["linear"]), broken, rounds=1, batch=3)
    monkeypatch.setattr(broken, "propose", refuse)
    point = proposer(found, past, broken, {})(3)
    assert set(point) == {"schedule", "warmup_steps", "peak_lr"}
    assert "it has no memory left" in caplog.text


def test_the_service_imports_no_torch_when_it_proposes() -> None:
    script = """
import sys
from service.domain.past import Lesson, Past
from service.domain.space import SearchSpace
from service.studies.proposing import proposer
from service.studies.surrogate import Surrogate
from service.wire.sweep import SweepSpec
space = {"schedule": ["linear"], "peak_lr": {"low": 0.1, "high": 1.0}}
for kind in ("random", "qmc", "tpe", "gp", "cmaes"):
    spec = {"space": space, "sampler": {"type": kind}, "trials": 9, "total_steps": 9}
    proposer(SearchSpace(SweepSpec.model_validate(spec)), Past(), Surrogate(), {})(0)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
