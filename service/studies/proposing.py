"""The samplers: what each proposes for the trial of a number, from what a sweep's trials have taught.

A proposal follows from the sweep, the number and the past, and from nothing that a process remembers; so a restart, or
another server process, goes on as this one would have. The studies that Optuna's samplers want to read are made in
memory, of as many trials as a sampler may learn from.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from service.domain.axes import Axis, Point, Scalar
from service.domain.past import Lesson, Past
from service.domain.space import SCHEDULE, Entry, SearchSpace
from service.studies import distributions
from service.studies.evolution import Evolution
from service.studies.surrogate import Surrogate, SurrogateError

log = logging.getLogger(__name__)

Propose = Callable[[int], Point]

STARTUP = 10
# What TPE and GP learn from at most, the best half of it and the newest: the cost of a proposal grows with it.
MOST_LESSONS = {"tpe": 1_000, "gp": 200}


def proposer(space: SearchSpace, past: Past, surrogate: Surrogate, evolutions: dict[str, Evolution]) -> Propose:
    """What proposes a point for the trial of each number; what it has proposed counts as under way from then on."""
    match space.spec.sampler.type:
        case "random" | "grid":
            return lambda number: _ask(_study(RandomSampler(seed=seed_of(space, number))), space)
        case "qmc":
            return lambda number: _ask(_placed(space, number), space)
        case "tpe":
            return _tpe(space, past)
        case "gp":
            return _gp(space, past, surrogate)
        case "cmaes":
            return _cmaes(space, past, evolutions)


@contextmanager
def _knowing_it_is_experimental() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def seed_of(space: SearchSpace, number: int) -> int:
    """The seed for one trial: 32 bits that follow from the sampler's seed and the trial's number."""
    return int.from_bytes(sha256(f"{space.spec.sampler.seed} {number}".encode()).digest()[:4])


class _Placed(QMCSampler):
    """Optuna's sampler of Sobol' points at a given place of the sequence, which Optuna counts in its storage."""

    def __init__(self, place: int, *, scramble: bool, seed: int) -> None:
        super().__init__(scramble=scramble, seed=seed, warn_independent_sampling=False)
        self._place = place

    def _find_sample_id(self, study: optuna.Study, search_space: dict[str, BaseDistribution]) -> int:  # noqa: ARG002 - Optuna's
        return self._place


def _placed(space: SearchSpace, number: int) -> optuna.Study:
    """A study whose next trial gets the point of a number: one coordinate for each axis of all schedules."""
    sampler = space.spec.sampler
    with _knowing_it_is_experimental():
        study = _study(_Placed(number, scramble=sampler.scramble is not False, seed=sampler.seed))
    every = distributions.of_space(space)
    # Optuna takes the axes from the first trial that ended.
    anywhere = {name: _first(one) for name, one in every.items()}
    study.add_trial(optuna.create_trial(params=anywhere, distributions=every, value=0.0))
    return study


def _first(one: BaseDistribution) -> Scalar:
    if isinstance(one, CategoricalDistribution):
        return cast("Scalar", one.choices[0])
    assert isinstance(one, FloatDistribution | IntDistribution)
    return one.low


def _tpe(space: SearchSpace, past: Past) -> Propose:
    study = _study(RandomSampler())
    for lesson in past.selection(MOST_LESSONS["tpe"]):
        study.add_trial(_finished(space, lesson))
    for point in past.running:
        study.add_trial(_running(space, point))

    def propose(number: int) -> Point:
        with _knowing_it_is_experimental():
            # group: families have axes of their own, so the space is conditional. constant_liar: a batch differs.
            study.sampler = TPESampler(
                seed=seed_of(space, number),
                n_startup_trials=space.spec.sampler.n_startup_trials or STARTUP,
                multivariate=True,
                group=True,
                constant_liar=True,
            )
        return _ask(study, space)

    return propose


def _gp(space: SearchSpace, past: Past, surrogate: Surrogate) -> Propose:
    running = list(past.running)

    def propose(number: int) -> Point:
        entry = _in_turn(space, number)
        lessons = _of_entry(past.ended, entry)
        complete = [lesson.value for lesson in lessons if lesson.pruned_at is None]
        if len(complete) < (space.spec.sampler.n_startup_trials or STARTUP):
            point = _drawn(space, entry, seed_of(space, number))
        else:
            own = Past(running=[one for one in running if one[SCHEDULE] == entry.label])
            for lesson in lessons:
                own.learn(lesson)
            chosen = own.selection(MOST_LESSONS["gp"])
            # A pruned trial was worse than others where it ended; how much worse it would have ended nobody knows.
            told = [(_values(lesson.point), min(lesson.value, max(complete))) for lesson in chosen]
            axes = {axis.name: distributions.distribution(axis) for axis in space.axes_of(entry)}
            under_way = [_values(one) for one in own.running]
            try:
                found = surrogate.propose(axes, told, under_way, seed_of(space, number))
                point = {SCHEDULE: entry.label, **found}
            except SurrogateError as error:
                log.warning("trial %d is drawn at random: %s", number, error, extra={"action": "surrogate.away"})
                point = _drawn(space, entry, seed_of(space, number))
        running.append(point)
        return point

    return propose


def _cmaes(space: SearchSpace, past: Past, evolutions: dict[str, Evolution]) -> Propose:
    def propose(number: int) -> Point:
        entry, seed = _in_turn(space, number), seed_of(space, number)
        point = _drawn(space, entry, seed)
        ranges = [axis for axis in space.axes_of(entry) if axis.values is None]
        if not ranges:
            return point
        what = f"{entry.label}: {ranges}"  # a sweep that is extended may have other ranges
        if what not in evolutions:
            evolutions[what] = Evolution(ranges, space.spec.sampler)
        evolutions[what].learn(_of_entry(past.ended, entry))
        return point | evolutions[what].ask(seed)

    return propose


def _in_turn(space: SearchSpace, number: int) -> Entry:
    entries = list(space.entries.values())
    return entries[number % len(entries)]


def _values(point: Point) -> Point:
    return {name: value for name, value in point.items() if name != SCHEDULE}


def _of_entry(lessons: list[Lesson], entry: Entry) -> list[Lesson]:
    return [lesson for lesson in lessons if lesson.point[SCHEDULE] == entry.label]


def _drawn(space: SearchSpace, entry: Entry, seed: int) -> Point:
    """A point of one schedule, drawn evenly."""
    trial = _study(RandomSampler(seed=seed)).ask()
    point: Point = {SCHEDULE: entry.label}
    return point | {axis.name: _suggest(trial, axis) for axis in space.axes_of(entry)}


def _study(sampler: BaseSampler) -> optuna.Study:
    return optuna.create_study(direction="minimize", sampler=sampler)


def _ask(study: optuna.Study, space: SearchSpace) -> Point:
    """The point of the study's next trial: one axis after another, only those that its schedule uses."""
    trial = study.ask()
    point: Point = {SCHEDULE: trial.suggest_categorical(SCHEDULE, tuple(space.entries))}
    for axis in space.axes_of(space.entries[str(point[SCHEDULE])]):
        point[axis.name] = _suggest(trial, axis)
    return point


def _suggest(trial: optuna.Trial, axis: Axis) -> Scalar:
    if axis.values is not None:
        return cast("Scalar", trial.suggest_categorical(axis.name, axis.values))
    if axis.integer:
        return trial.suggest_int(axis.name, int(axis.low), int(axis.high), log=axis.log)
    return trial.suggest_float(axis.name, axis.low, axis.high, log=axis.log)


def _finished(space: SearchSpace, lesson: Lesson) -> optuna.trial.FrozenTrial:
    pruned = lesson.pruned_at is not None
    return optuna.create_trial(
        state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
        value=lesson.value,
        params=dict(lesson.point),
        distributions=distributions.of_point(space, lesson.point),
        intermediate_values={lesson.pruned_at: lesson.value} if lesson.pruned_at is not None else {},
    )


def _running(space: SearchSpace, point: Point) -> optuna.trial.FrozenTrial:
    return optuna.create_trial(
        state=TrialState.RUNNING, params=dict(point), distributions=distributions.of_point(space, point)
    )
