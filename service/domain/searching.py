"""What sampler and pruner ask of a sweep, and what is doubtful about them together with its space."""

import importlib.util
from collections.abc import Iterator

from service.domain.space import SearchSpace
from service.wire.problem import FieldProblem
from service.wire.sweep import SweepSpec
from service.wire.views import Finding

P_THRESHOLD = 0.1
# They model one space of numbers, and families have different ones: each schedule gets a model of its own.
APART = ("gp", "cmaes")
_FEW = 20


def seeds_needed(p_threshold: float) -> int:
    """The fewest pairs of losses by which a signed-rank test can find p below a threshold: p is at least 2^-n."""
    needed = 1
    while 0.5**needed >= p_threshold:
        needed += 1
    return needed


def problems(spec: SweepSpec) -> Iterator[FieldProblem]:
    """What makes a sampler or a pruner impossible for a sweep."""
    pruner = spec.pruner
    if pruner.type == "wilcoxon":
        needed = seeds_needed(pruner.p_threshold or P_THRESHOLD)
        if spec.replicates < needed:
            yield FieldProblem(
                field="replicates",
                problem=f"wilcoxon compares the seeds of trials, and {spec.replicates} can never be enough",
                remedy=f"give replicates: {needed} or more, a larger pruner.p_threshold, or pruner type phase",
            )
    if spec.sampler.type == "gp" and importlib.util.find_spec("torch") is None:
        yield FieldProblem(
            field="sampler.type",
            problem="gp needs torch, which is not installed where this service runs",
            remedy="use tpe, or install torch beside the service",
        )
    longest = max(spec.total_steps.values)
    if pruner.min_resource is not None and pruner.min_resource > longest:
        yield FieldProblem(
            field="pruner.min_resource",
            problem=f"{pruner.min_resource} updates are more than the longest run has",
            remedy=f"give less than {longest}, such as {max(1, longest // 27)}",
        )


def findings(space: SearchSpace) -> Iterator[Finding]:
    """What is doubtful about the sampler or the pruner of a sweep."""
    spec = space.spec
    kinds = list(dict.fromkeys(str(entry.fixed.get("type")) for entry in space.entries.values()))
    if spec.pruner.type in ("median", "hyperband") and (len(kinds) > 1 or len(space.horizons) > 1):
        what = f"schedules ({', '.join(kinds)})" if len(kinds) > 1 else f"lengths {list(space.horizons)}"
        yield Finding(
            code="pruning-across-schedules",
            severity="warning",
            field="pruner.type",
            message=f"{spec.pruner.type} compares losses at equal updates across {what}: one that decays late looks "
            "bad until it decays, and is pruned for it",
            suggestion="use pruner type phase, which compares equal phases of one schedule type",
        )
    if spec.sampler.type in APART:
        yield from _of_models(space)


def _of_models(space: SearchSpace) -> Iterator[Finding]:
    spec, entries = space.spec, space.entries
    kind = spec.sampler.type
    listed = list(
        dict.fromkeys(
            axis.name
            for entry in entries.values()
            for axis in space.axes_of(entry)
            if axis.values is not None and len(axis.values) > 1
        )
    )
    if kind == "cmaes" and listed:
        yield Finding(
            code="drawn-at-random",
            severity="warning",
            field=f"space.{listed[0]}" if listed[0] in space.axes else "space",
            message=f"cmaes knows ranges alone: it draws {', '.join(listed)} at random and learns nothing of it",
            suggestion="give {low, high}, or use sampler tpe",
        )
    each = (spec.trials or 0) // len(entries)
    if len(entries) > 1 and each < _FEW:
        yield Finding(
            code="few-trials-each",
            severity="warning",
            field="trials",
            message=f"{kind} searches each of the {len(entries)} schedules by itself, in turn: {each} trials each",
            suggestion="use sampler tpe, which learns which schedule does well, or give more trials",
        )
