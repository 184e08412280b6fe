"""What a sweep means: the checks that concern several fields at once, and what would be trained if it were queued.

Every problem is collected, so that a person corrects them all at once.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import numpy as np
from numpy.typing import NDArray

import schedules
from service.domain import searching
from service.domain.axes import Axis
from service.domain.findings import shown
from service.domain.space import HORIZON, SCHEDULE, Configuration, Entry, SearchSpace
from service.errors import InvalidError
from service.wire.problem import FieldProblem
from service.wire.sweep import Model, SweepSpec
from service.wire.views import Finding

MAX_RUNS = 100_000
MAX_PROBLEMS = 50
# The linter looks at whole curves; of more points than these, it looks at every second curve, or third, and so on.
LINT_POINTS = 1_000_000
_GLANCE = 9
_POSITIVE = ("peak_lr", "factor", "optimizer.grad_clip")


@dataclass(frozen=True)
class Plan:
    """A valid sweep: how many trials it has, those that are known beforehand, and what the linter remarks.

    `inherited` are the older trials with which its sampler begins; see `domain.warm_start`, which fills it in.
    """

    space: SearchSpace
    trials: int
    grid: list[Configuration]
    findings: list[Finding]
    shape: str
    inherited: tuple[int, ...] = ()

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return self.trials * self.space.spec.replicates

    @property
    def updates(self) -> int:
        """Updates of all runs at full length; where the sampler chooses the horizon, at the mean of the horizons."""
        if self.grid:
            return sum(int(point.schedule[HORIZON]) for point in self.grid) * self.space.spec.replicates
        return self.runs * sum(self.space.horizons) // len(self.space.horizons)


def plan(spec: SweepSpec) -> Plan:
    """Check a sweep and lay it out.

    Raises:
        InvalidError: with every problem that was found.
    """
    space = SearchSpace(spec)
    problems = _Problems(space)
    sound = [entry for entry in space.entries.values() if problems.of_entry(entry)]
    problems.of_axes()
    problems.of_warm_start()
    problems.of_searching()
    whole = problems.of_size() and spec.sampler.type == "grid"
    # Where the grid is not to be had, the ends of its axes still show what is wrong with them.
    samples = _grid(space, sound) if whole else _corners(space, sound)
    pairs = [(sample, schedule) for sample in samples if (schedule := problems.of_configuration(sample)) is not None]
    grid: list[Configuration] = []
    built = [schedule for _, schedule in pairs]
    findings = [*_of_unused(space), *searching.findings(space)]
    if whole and len(sound) == len(space.entries) and len(pairs) == len(samples):
        grid, built = distinct(samples, built)
        findings += _of_duplicates(len(samples) - len(grid))
        problems.of_trials(len(grid))
    findings += _of_curves(built, [one.optimizer["betas"][1] for one in grid or [sample for sample, _ in pairs]])
    problems.of_findings(findings)
    problems.raise_if_any()
    size = len(grid) or space.size()
    trials = spec.trials or len(grid)
    if size is not None and trials > size:
        findings.append(_of_small_space(trials, size))
        trials = size
    return Plan(space, trials, grid[:trials], findings, shape_of(spec))


def shape_of(spec: SweepSpec) -> str:
    """The key of runs that can share a fused batch: everything that decides the program, nothing that does not."""
    model: Model = spec.model
    width = f"d{model.d_model}-l{model.n_layers}-h{model.n_heads}-f{model.d_ff or 4 * model.d_model}"
    kind = f"{model.norm}-{model.activation}-{model.positions}-{'tied' if model.tie_embeddings else 'untied'}"
    return f"{width}-{kind}-t{model.context}-b{spec.data.batch_size}-{spec.optimizer.type}-{model.precision}"


def closest(word: str, known: Iterable[str]) -> str:
    """A remedy that names what was probably meant, or else everything that is known."""
    known = list(known)
    near = get_close_matches(word, known, n=1)
    question = f"did you mean {near[0]}? " if near else ""
    return f"{question}known are {', '.join(known)}"


class _Problems:
    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._found: dict[tuple[str, str], FieldProblem] = {}
        self._of_axes: set[str] = set()

    def add(self, field: str, problem: str, remedy: str) -> None:
        if len(self._found) < MAX_PROBLEMS:
            self._found.setdefault((field, problem), FieldProblem(field=field, problem=problem, remedy=remedy))

    def raise_if_any(self) -> None:
        if self._found:
            raise InvalidError.of(list(self._found.values()))

    def of_entry(self, entry: Entry) -> bool:
        """Whether an entry names a family, and gives what that takes and needs."""
        before = len(self._found)
        field = f"space.schedule.{entry.position}"
        kind = entry.fixed.get("type")
        if not isinstance(kind, str) or kind not in schedules.FAMILIES:
            problem = f"{kind!r} is not a schedule" if kind is not None else "it has no type"
            self.add(field, problem, closest(str(kind), schedules.FAMILIES))
            return False
        for error in entry.unsound:
            self.add(f"{field}.{error.parameter}", error.problem, error.remedy)
        for name in sorted(entry.gives):
            if name == HORIZON:
                self.add(f"{field}.{name}", "the length of runs is not a schedule's own", f"give {HORIZON} at the top")
            elif name != "type" and name not in entry.takes:
                self.add(f"{field}.{name}", f"{kind} has no such parameter", closest(name, sorted(entry.takes)))
        for parameter in schedules.FAMILIES[kind].parameters():
            name = parameter.name
            supplied = name in entry.gives or name in self._space.axes or name in (HORIZON, "d_model")
            if parameter.required and not supplied:
                place = f"space.{name}" if name in ("peak_lr", "warmup_steps") else f"{field}.{name}"
                self.add(place, f"{kind} needs {name} and it is missing", f"give {place}: {parameter.doc}")
        return len(self._found) == before

    def of_axes(self) -> None:
        entries = self._space.entries.values()
        own = [(f"space.schedule.{one.position}.{axis.parameter}", axis) for one in entries for axis in one.own]
        for field, axis in [*((f"space.{name}", axis) for name, axis in self._space.axes.items()), *own]:
            if self._space.spec.sampler.type == "grid" and axis.values is None:
                remedy = f"list the values, such as {_as_values(axis)}, or use sampler random or tpe"
                self.add(field, "a grid needs listed values, and this is a range", remedy)
            if axis.name in _POSITIVE or axis.name == "optimizer.weight_decay":
                least = axis.low if axis.values is None else min(float(value) for value in axis.values)
                if least < 0 or (axis.name in _POSITIVE and least == 0):
                    what = "negative" if least < 0 else "zero, which trains nothing"
                    self.add(field, f"{least:g} is {what}", f"give numbers {'>' if axis.name in _POSITIVE else '>='} 0")
        self._of_axes = {field for field, _ in self._found}

    def of_warm_start(self) -> None:
        if self._space.spec.warm_start is not None and self._space.spec.sampler.type == "grid":
            problem = "a grid trains all of its points, whatever is known"
            self.add("warm_start", problem, "leave it out, or use a sampler that learns, such as tpe")

    def of_searching(self) -> None:
        for problem in searching.problems(self._space.spec):
            self.add(problem.field, problem.problem, problem.remedy)

    def of_size(self) -> bool:
        """Whether there is a size, and it is not too large."""
        spec = self._space.spec
        if spec.sampler.type != "grid":
            if spec.trials is None:
                self.add("trials", f"sampler {spec.sampler.type} has no end of its own", "give trials, such as 24")
            size: int | None = spec.trials
        else:
            size = self._space.grid_size()
        if size is not None and size * spec.replicates > MAX_RUNS:
            problem = f"{size} trials of {spec.replicates} replicates are {size * spec.replicates} runs"
            field = "space" if spec.sampler.type == "grid" else "trials"
            self.add(field, problem, f"at most {MAX_RUNS} runs: list fewer values, or split the sweep")
            return False
        return size is not None

    def of_configuration(self, configuration: Configuration) -> schedules.Schedule | None:
        try:
            return configuration.built
        except schedules.ScheduleError as error:
            place = self._place(configuration, error.field)
            if place not in self._of_axes:  # what is wrong with an axis as such was said
                self.add(place, error.problem, error.remedy)
            return None

    def of_trials(self, grid: int) -> None:
        trials = self._space.spec.trials
        if grid and trials is not None and trials > grid:
            self.add("trials", f"{trials} is more than the grid's {grid} configurations", f"omit it, or give {grid}")

    def of_findings(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if finding.severity == "error":
                self.add(finding.field or "space", finding.message, finding.suggestion)

    def _place(self, configuration: Configuration, name: str) -> str:
        entry = self._space.entries[str(configuration.point["schedule"])]
        if name in entry.gives:
            return f"space.schedule.{entry.position}.{name}"
        if name in self._space.axes:
            return f"space.{name}"
        return {HORIZON: HORIZON, "d_model": "model.d_model"}.get(name, f"space.schedule.{entry.position}.{name}")


def distinct(
    configurations: Sequence[Configuration], built: Sequence[schedules.Schedule]
) -> tuple[list[Configuration], list[schedules.Schedule]]:
    """The configurations that differ in the rate of some update, or in the optimizer: others would be trained twice."""
    kept: dict[tuple[int, bytes, str], list[tuple[Configuration, schedules.Schedule]]] = {}
    for configuration, schedule in zip(configurations, built, strict=True):
        # Few points tell most schedules apart; only those that agree there are compared at every update.
        total = schedule.total_steps
        key = (total, schedule.rates_at(_glance(total)).tobytes(), repr(configuration.optimizer))
        alike = kept.setdefault(key, [])
        if not any(np.array_equal(schedule.lrs(), other.lrs()) for _, other in alike):
            alike.append((configuration, schedule))
    pairs = [pair for alike in kept.values() for pair in alike]
    return [configuration for configuration, _ in pairs], [schedule for _, schedule in pairs]


@cache
def _glance(total: int) -> NDArray[np.float64]:
    return np.unique(np.linspace(1, total, min(total, _GLANCE)).round())


def _grid(space: SearchSpace, entries: Sequence[Entry]) -> list[Configuration]:
    """Every point of a grid that has one of these schedules."""
    labels = {entry.label for entry in entries}
    return [space.configuration(point) for point in space.grid() if point[SCHEDULE] in labels]


def _corners(space: SearchSpace, entries: Sequence[Entry]) -> list[Configuration]:
    """The points at the ends of every axis of these schedules."""
    return [space.configuration(point) for entry in entries for point in space.corners(entry)]


def _of_duplicates(count: int) -> list[Finding]:
    if not count:
        return []
    return [
        Finding(
            code="duplicate-curve",
            severity="warning",
            field="space",
            message=f"{count} combinations give the same rates as others; each is trained once",
            suggestion="leave out values that change nothing",
        )
    ]


def _of_small_space(trials: int, size: int) -> Finding:
    return Finding(
        code="fewer-configurations",
        severity="warning",
        field="trials",
        message=f"the space has {size} configurations, fewer than the {trials} trials; each is trained once",
        suggestion=f"give trials: {size}, use sampler grid, or make the space larger",
    )


def _of_unused(space: SearchSpace) -> list[Finding]:
    return [
        Finding(
            code="unused-dimension",
            severity="warning",
            field=f"space.{name}",
            message=f"no schedule of this sweep uses {name}",
            suggestion=f"leave {name} out, or add a schedule that uses it",
        )
        for name in space.axes
        if not any(entry.uses(name) for entry in space.entries.values())
    ]


def _of_curves(built: Sequence[schedules.Schedule], betas2: Sequence[float]) -> list[Finding]:
    """The linter's findings, one for each kind and field, with the number of configurations that it concerns."""
    pairs = list(dict.fromkeys(zip(built, betas2, strict=True)))
    stride = max(1, math.ceil(sum(schedule.total_steps for schedule, _ in pairs) / LINT_POINTS))
    found: dict[tuple[str, str], list[schedules.Finding]] = {}
    for schedule, beta2 in pairs[::stride]:
        for finding in schedules.lint(schedule, beta2=beta2):
            found.setdefault((finding.code, finding.field), []).append(finding)
    return [shown(alike[0], more=len(alike) - 1) for alike in found.values()]


def _as_values(axis: Axis) -> list[float] | list[int]:
    """Five round values spread over a range."""
    share = [index / 4 for index in range(5)]
    if axis.log:
        values = [axis.low * math.exp(part * math.log(axis.high / axis.low)) for part in share]
    else:
        values = [axis.low + part * (axis.high - axis.low) for part in share]
    if axis.integer:
        return sorted({round(value) for value in values})
    return [float(f"{value:.2g}") for value in values]
