"""The one-cycle policy."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np

from schedules.errors import ScheduleError
from schedules.parameters import Choice, Count, Flag, Number
from schedules.schedule import F64, Schedule
from schedules.warmup import check_warmup_fits

DEFAULT_PCT_START = 0.3


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Up from ``P / div_factor`` to the peak, then down to ``P / div_factor / final_div_factor``.

    Formula: cosine or linear interpolation between those rates over the zero-based counter t = n - 1, with the peak
    at t = pct_start * T - 1 and the end at t = T - 1; ``three_phase`` first returns to the initial rate as long as it
    rose. The momentum that the policy also moves is not a matter of the rate and is left alone.
    Source: Smith & Topin 2018, Super-Convergence; torch's ``OneCycleLR``.
    Used by: fastai, short image-classification runs.
    Choose it: for short budgets at a high peak; ``warmup_steps`` names the update of the peak, as elsewhere.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 300, "peak_lr": 3e-3}
    >>> schedule = build({"type": "one_cycle", **run, "div_factor": 30.0})
    >>> schedule.peak()
    Peak(step=300, lr=0.003)
    """

    type: ClassVar[str] = "one_cycle"

    peak_lr: Annotated[float, Number("The largest rate, P.")]
    warmup_steps: Annotated[int | None, Count("The update of the peak, in place of pct_start.", minimum=2)] = None
    pct_start: Annotated[
        float | None, Number("The share of the run that climbs; 0.3 if warmup_steps is not given.", maximum=1.0)
    ] = None
    div_factor: Annotated[float, Number("The peak over the initial rate.", minimum=1.0)] = 25.0
    final_div_factor: Annotated[float, Number("The initial rate over the final one.", minimum=1.0)] = 1e4
    anneal: Annotated[str, Choice("How the rate moves between them.", ("cosine", "linear"))] = "cosine"
    three_phase: Annotated[bool, Flag("Return to the initial rate before the final descent.")] = False

    def _check(self) -> None:
        super()._check()
        if self.warmup_steps is not None and self.pct_start is not None:
            raise ScheduleError("pct_start", "warmup_steps is given as well", "give one of the two")
        if self.warmup_steps is None and self.pct_start is None:
            object.__setattr__(self, "pct_start", DEFAULT_PCT_START)
        check_warmup_fits(self.warmup_steps or 0, self.total_steps)
        turns = self._turns()
        if turns[0] <= 0 or any(later <= earlier for earlier, later in pairwise(turns)):
            problem = f"the phases would end at updates {[turn + 1 for turn in turns]}, which leaves no room for one"
            field = "pct_start" if self.warmup_steps is None else "warmup_steps"
            raise ScheduleError(field, problem, "let the peak lie well inside the run")

    @property
    def rise(self) -> float:
        """Updates up to the peak: ``warmup_steps``, or ``pct_start`` of the run, which need not be whole."""
        return (self.pct_start or 0.0) * self.total_steps if self.warmup_steps is None else float(self.warmup_steps)

    def _turns(self) -> list[float]:
        """Return the zero-based counters at which the phases end."""
        back = [2 * self.rise - 2] if self.three_phase else []
        return [self.rise - 1, *back, self.total_steps - 1.0]

    def native_rates(self, n: F64) -> F64:
        """Return the rates [N] at updates ``n`` [N] >= 1."""
        initial = self.peak_lr / self.div_factor
        levels = [initial, self.peak_lr, *([initial] if self.three_phase else []), initial / self.final_div_factor]
        begins = [0.0, *self._turns()]
        t = n - 1
        rates = np.full_like(t, levels[-1])
        for phase in reversed(range(len(begins) - 1)):
            begin, end = begins[phase], begins[phase + 1]
            inside = np.flatnonzero(t <= end) if phase == 0 else np.flatnonzero((t > begin) & (t <= end))
            rates[inside] = self._between(levels[phase], levels[phase + 1], (t[inside] - begin) / (end - begin))
        return np.minimum(rates, self.peak_lr)

    def _between(self, start: float, end: float, z: F64) -> F64:
        if self.anneal == "linear":
            return (end - start) * z + start
        return end + (start - end) / 2.0 * (1 + np.cos(np.pi * z))
