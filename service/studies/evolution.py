"""CMA-ES over the ranges of one schedule, as a function of the results in the order in which they came.

Lanes ask at any time and finish in any order, so every `popsize` results make a generation, whichever they were asked
in: nothing waits, no result is thrown away, and what was learned is made anew from our rows after a restart. (Optuna's
own sampler keeps the optimizer, pickled, in its trials, and ignores results of a generation that is full.)
"""

from collections.abc import Sequence

import numpy as np
from cmaes import CMA

from service.domain.axes import Axis, Point
from service.domain.past import Lesson
from service.wire.search import Sampler

# A sixth of the range, as Optuna begins: the ends are three deviations away.
SIGMA = 1 / 6


class Evolution:
    """The search of one schedule's ranges, each scaled to [0, 1]. Source: Hansen 2016, arXiv:1604.00772."""

    def __init__(self, axes: Sequence[Axis], sampler: Sampler) -> None:
        self._axes = axes
        self._cma = CMA(
            mean=np.full(len(axes), 0.5),
            sigma=SIGMA,
            bounds=np.tile([0.0, 1.0], (len(axes), 1)),
            seed=sampler.seed,
            population_size=sampler.popsize,
            n_max_resampling=10 * len(axes),
        )
        self._learned = 0

    def learn(self, lessons: Sequence[Lesson]) -> None:
        """Take in the results that are new since the last call; `lessons` are all there are, in their order."""
        size = self._cma.population_size
        while self._learned + size <= len(lessons):
            generation = lessons[self._learned : self._learned + size]
            self._cma.tell([(self._shares(lesson.point), lesson.value) for lesson in generation])
            self._learned += size

    def ask(self, seed: int) -> Point:
        """Draw a point from what was learned; the same for the same seed."""
        self._cma.reseed_rng(seed)
        return {axis.name: axis.at(float(share)) for axis, share in zip(self._axes, self._cma.ask(), strict=True)}

    def _shares(self, point: Point) -> np.ndarray:
        return np.array([axis.share_of(float(point[axis.name])) for axis in self._axes])
