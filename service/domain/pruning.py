"""Which trials are hopeless: the rules of the pruners, on the losses that workers reported.

Median and hyperband decide as Optuna's pruners do (tests compare them, report by report); they are written on our own
curves since Optuna's read a study whole at every report. Three things hold for all: a trial is compared over the same
seeds as the other, nothing is judged in its warmup, and of trials whose losses are equal, as they are where a beginning
is shared, one counts and none is worse than the other.
"""

import math
from binascii import crc32
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from schedules.phases import Phase, phase, update_at
from service.domain.curves import Curve
from service.domain.searching import P_THRESHOLD
from service.wire.search import Pruner

STARTUP = 5
KEEP = 0.5
REDUCTION = 3


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Decides for the trials of one sweep. `longest` is the longest run's updates, `study` the sweep's study."""

    pruner: Pruner
    longest: int
    study: str

    def is_hopeless(self, trial: Curve, steps: Iterable[int], others: Sequence[Curve]) -> bool:
        """Whether to end a trial that has new losses after `steps`; `others` may hold an older curve of its own."""
        others = [other for other in others if other.number != trial.number]
        if self.pruner.type == "wilcoxon":
            return self._worse_seeds(trial, others)
        rule = {"median": self._below_median, "hyperband": self._loses_rung, "phase": self._behind_in_phase}
        judged = [step for step in sorted(steps) if self._may_judge(trial, step)]
        return any(rule[self.pruner.type](trial, step, others) for step in judged)

    @staticmethod
    def _may_judge(trial: Curve, step: int) -> bool:
        ends = step >= trial.schedule.total_steps
        return not ends and bool(trial.replicates_at(step)) and phase(trial.schedule, step).part != "warmup"

    def _below_median(self, trial: Curve, step: int, others: Sequence[Curve]) -> bool:
        """Its best loss so far is worse than the median of the completed trials after the same update."""
        replicates = trial.replicates_at(step)
        so_far = [trial.mean(earlier, replicates) for earlier in trial.steps(replicates) if earlier <= step]
        best = min(value for value in so_far if value is not None)
        completed = [other.mean(step, replicates) for other in others if other.state == "completed"]
        rivals = _distinct(completed)
        return len(rivals) >= (self.pruner.n_startup_trials or STARTUP) and best > median(rivals)

    def _loses_rung(self, trial: Curve, step: int, others: Sequence[Curve]) -> bool:
        """It is not in the best part of its bracket at a rung that it reaches with this loss."""
        eta, least = self.pruner.reduction_factor or REDUCTION, self._least()
        bracket, replicates = self._bracket(trial.number), trial.replicates_at(step)
        rivals = [other for other in others if self._bracket(other.number) == bracket]
        own = trial.mean(step, replicates)
        assert own is not None
        rung = least * eta**bracket
        while rung <= step:
            if _first_from(trial, rung, replicates) == step:
                at_rung = [other.mean(_first_from(other, rung, replicates), replicates) for other in rivals]
                competing = sorted({own, *_distinct(at_rung)})
                if own > competing[max(len(competing) // eta - 1, 0)]:
                    return True
            rung *= eta
        return False

    def _behind_in_phase(self, trial: Curve, step: int, others: Sequence[Curve]) -> bool:
        """Too many runs of its schedule type were better in the same phase."""
        replicates, at = trial.replicates_at(step), phase(trial.schedule, step)
        alike = [other for other in others if other.schedule.type == trial.schedule.type]
        rivals = _distinct(_loss_in_phase(other, at, replicates) for other in alike)
        if len(rivals) < (self.pruner.n_startup_trials or STARTUP):
            return False
        own = trial.mean(step, replicates)
        assert own is not None
        better = sum(rival < own for rival in rivals)
        return better >= math.ceil((self.pruner.keep or KEEP) * (len(rivals) + 1))

    def _worse_seeds(self, trial: Curve, others: Sequence[Curve]) -> bool:
        """Its finished seeds are worse than those of the best trial, by a signed-rank test of the pairs."""
        completed = [other for other in others if other.state == "completed" and other.value is not None]
        best = min(completed, key=lambda other: (other.value, other.number), default=None)
        if best is None:
            return False
        pairs = [(loss, best.final[seed]) for seed, loss in trial.final.items() if seed in best.final]
        if len(pairs) < 2 or fmean(best.final.values()) >= fmean(trial.final.values()):
            return False
        return signed_rank_p([own - other for own, other in pairs]) < (self.pruner.p_threshold or P_THRESHOLD)

    def _least(self) -> int:
        return self.pruner.min_resource or max(1, self.longest // 27)

    def _bracket(self, number: int) -> int:
        """The bracket of a trial, by a hash; as Optuna's HyperbandPruner shares trials out (Li et al. 2018)."""
        eta = self.pruner.reduction_factor or REDUCTION
        count = math.floor(math.log(self.longest / self._least(), eta)) + 1
        budgets = [math.ceil(count * eta**s / (s + 1)) for s in reversed(range(count))]
        place = crc32(f"{self.study}_{number}".encode()) % sum(budgets)
        bracket = 0
        while place >= budgets[bracket]:
            place -= budgets[bracket]
            bracket += 1
        return bracket


def signed_rank_p(differences: Sequence[float]) -> float:
    """The exact one-sided p of a Wilcoxon signed-rank test that differences are above zero.

    The share of all 2^n choices of signs that give the positive ones a sum of ranks at least as large; equal sizes
    share their ranks, and zeros take theirs along without a sign. Source: Wilcoxon 1945; Pratt 1959 for the zeros.
    """
    sizes = [abs(difference) for difference in differences]
    # Twice the mean rank, which is a whole number.
    ranks = [2 * sum(other < size for other in sizes) + sizes.count(size) + 1 for size in sizes]
    signed = [rank for rank, difference in zip(ranks, differences, strict=True) if difference]
    positive = sum(rank for rank, difference in zip(ranks, differences, strict=True) if difference > 0)
    ways = Counter({0: 1})
    for rank in signed:
        raised = Counter({total + rank: count for total, count in ways.items()})
        ways += raised
    return sum(count for total, count in ways.items() if total >= positive) / 2.0 ** len(signed)


def _distinct(losses: Iterable[float | None]) -> set[float]:
    return {loss for loss in losses if loss is not None}


def _first_from(curve: Curve, rung: int, replicates: Sequence[int]) -> int:
    """The first update from a rung on after which a trial has losses; -1 if there is none."""
    return next((step for step in curve.steps(replicates) if step >= rung), -1)


def _loss_in_phase(curve: Curve, at: Phase, replicates: Sequence[int]) -> float | None:
    """A trial's loss in a phase, interpolated between two losses of the same part; None if it has not been there."""
    update = update_at(curve.schedule, at)
    if update is None:
        return None
    steps = [step for step in curve.steps(replicates) if phase(curve.schedule, step).part == at.part]
    after = bisect_left(steps, update - 1e-6)
    if after == len(steps):
        return None
    later = curve.mean(steps[after], replicates)
    if abs(steps[after] - update) <= 1e-6 or later is None:
        return later
    earlier = curve.mean(steps[after - 1], replicates) if after else None
    if earlier is None:
        return None
    share = (update - steps[after - 1]) / (steps[after] - steps[after - 1])
    return earlier + share * (later - earlier)
