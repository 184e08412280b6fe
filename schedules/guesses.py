"""Parameters read off a recorded sequence of rates, under the assumption of one family.

A guess need not be right: whoever asked builds it and compares.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from schedules.schedule import F64

TOLERANCE = 1e-6
POWERS = (0.5, 0.9, 2.0, 3.0, 1.0)
SHORTEST_STEP = 4


class Seen(NamedTuple):
    """The rates ``r`` [T] of updates 1 to T, with a warmup of ``w`` updates up to ``top`` assumed."""

    r: F64
    w: int
    top: float


Guess = dict[str, Any]
Guesses = Callable[[Seen], Iterator[Guess]]


def warmups(r: F64, family: str, shortest: int) -> Iterator[tuple[Seen, Guess]]:
    """Yield what may have gone before the peak: its length, where it started, and how high it aimed.

    Rates that fall from the first on are read as no warmup (``shortest`` 0), or as one of a single update (1); of
    others there is but one reading.
    """
    for guess in _climbs(r, family):
        if shortest == (0 if r.argmax() else guess["warmup_steps"]):
            yield Seen(r, guess["warmup_steps"], guess["peak_lr"]), guess


def _climbs(r: F64, family: str) -> Iterator[Guess]:
    i = int(r.argmax())
    top, first = float(r[i]), float(r[0])
    if family in {"noam", "one_cycle"}:
        yield {"warmup_steps": i + 1, "peak_lr": top}
        return
    if i == 0:
        yield {"warmup_steps": 0, "peak_lr": top}
    for w in (i + 1, i, i - 1):
        if w >= 1:
            yield {"warmup_steps": w, "peak_lr": top}
            yield {"warmup_steps": w, "peak_lr": top, "start_lr": first}
        if w >= 2:
            yield {"warmup_steps": w, "peak_lr": top, "start_lr": max(0.0, (w * first - top) / (w - 1))}
            # The decay may have gone on during warmup, so that the peak it climbs to is never reached.
            yield {"warmup_steps": w, "peak_lr": first + w * float(r[1] - first), "start_lr": first}


def _noam(seen: Seen) -> Iterator[Guess]:
    w, top = seen.w, seen.top
    yield {"d_model": max(1, round(1 / (top * top * w)))}


def _plain(_: Seen) -> Iterator[Guess]:
    yield {}


def _annealed(share: Callable[[float], float]) -> Guesses:
    """Return the guesses for a decay whose ``share`` of the way down is left at progress z."""

    def guesses(seen: Seen) -> Iterator[Guess]:
        for end in _ends(seen.r, seen.w):
            for final in _finals(seen, end, share):
                yield {"final_lr": final, "horizon": None if end == seen.r.size else end}
        if not seen.w:
            yield from _without_warmup(seen.r, share)

    return guesses


def _without_warmup(r: F64, share: Callable[[float], float]) -> Iterator[Guess]:
    """Yield the peak, which the first update has left already, and the final rate, from two updates."""
    one, other = share(1 / r.size), share((1 + r.size // 2) / r.size)
    height = (float(r[0]) - float(r[r.size // 2])) / (one - other)
    final = float(r[0]) - height * one
    final = 0.0 if abs(final) < TOLERANCE * height else final
    yield {"peak_lr": final + height, "final_lr": final}


def _ends(r: F64, w: int) -> Iterator[int]:
    """Yield the updates at which a decay may end: with the run, where the rate settles, or where it turns."""
    yield r.size
    low = int(r.argmin())
    moving = np.flatnonzero(r != r[-1])
    settled = int(moving[-1]) + 2 if moving.size else r.size
    yield from sorted({end for end in (settled, settled - 1, low, low + 1) if w < end < r.size})


def _finals(seen: Seen, end: int, share: Callable[[float], float]) -> Iterator[float]:
    """Yield the final rates with which the decay passes through the rate in its middle, counted from 1 or from 0."""
    r, w, top = seen
    middle = (w + end) // 2
    for progress in (middle + 1 - w, middle - w):
        left = share(min(1.0, max(0.0, progress / (end - w)))) if end > w else 1.0
        if left < 1 and middle < r.size:
            final = (float(r[middle]) - top * left) / (1 - left)
            yield 0.0 if abs(final) < TOLERANCE * top else final


def _past_the_run(seen: Seen) -> Iterator[Guess]:
    """Yield horizons past the run, towards zero, that pass through the rate in the middle of what is there."""
    r, w, top = seen
    middle = (w + r.size) // 2
    left = float(r[min(middle, r.size - 1)]) / top
    if 0 < left < 1:
        for progress in (middle + 1 - w, middle - w):
            yield {"horizon": max(1, round(w + progress / (1 - left)))}
            yield {"horizon": max(1, round(w + progress * math.pi / math.acos(2 * left - 1)))}


def _linear(seen: Seen) -> Iterator[Guess]:
    yield from _annealed(lambda z: 1 - z)(seen)
    yield from _past_the_run(seen)


def _cosine(seen: Seen) -> Iterator[Guess]:
    yield from _annealed(lambda z: (1 + math.cos(math.pi * z)) / 2)(seen)
    yield from _past_the_run(seen)


def _chained_cosine(seen: Seen) -> Iterator[Guess]:
    """The product of a ramp and a cosine from the first update on: peak and ramp are read off both ends."""
    r, w = seen.r, seen.w
    for end in _ends(r, 0):
        middle = (w + min(end, r.size)) // 2
        left = (1 + math.cos(math.pi * middle / end)) / 2
        if middle < r.size and left > 0:
            for warmup in range(max(1, w - 2), min(w + 8, middle)):
                yield {
                    "warmup_steps": warmup,
                    "peak_lr": float(r[middle]) / left,
                    "start_lr": float(r[0]),
                    "horizon": None if end == r.size else end,
                }


def _cosine_of_any_kind(seen: Seen) -> Iterator[Guess]:
    yield from _cosine(seen)
    yield from _chained_cosine(seen)


def _cycles(seen: Seen) -> Iterator[Guess]:
    r, w, top = seen
    cycles = int((np.diff(r[w:]) > 0.5 * (top - r.min())).sum()) + 1
    for many in (cycles, cycles - 1):
        if many >= 1 and r.size > w:
            yield {"cycles": many, "final_lr": float(r[-1])}
            for final in _finals(seen, w + (r.size - w) // many, lambda z: (1 + math.cos(math.pi * z)) / 2):
                yield {"cycles": many, "final_lr": final}


def _power_share(power: float) -> Callable[[float], float]:
    return lambda z: (1 - z) ** power


def _power(seen: Seen) -> Iterator[Guess]:
    r, w, top = seen
    for power in POWERS:
        yield from ({**guess, "power": power} for guess in _annealed(_power_share(power))(seen))
    middle = (w + r.size) // 2
    for final in (float(r[-1]), 0.0):
        left = (float(r[middle]) - final) / (top - final) if top > final and middle < r.size else 0.0
        for progress in (middle + 1 - w, middle - w):
            z = progress / max(1, r.size - w)
            if 0 < left < 1 and 0 < z < 1:
                yield {"power": round(math.log(left) / math.log(1 - z), 6), "final_lr": final}


def _exponential(seen: Seen) -> Iterator[Guess]:
    r, w = seen.r, seen.w
    at = min(w + 1, r.size - 2)
    if 0 < r[at + 1] < r[at]:
        rate = math.log(float(r[at]) / float(r[at + 1]))
        yield {"decay_rate": rate}
        yield {"decay_rate": rate, "floor": float(r[-1])}
        if not w:
            yield {"decay_rate": rate, "peak_lr": float(r[0]) * math.exp(rate)}


def _steps(seen: Seen) -> Iterator[Guess]:
    r, w = seen.r, seen.w
    after = max(0, w - 1)
    drops = [int(drop) + after for drop in np.flatnonzero(np.diff(r[after:]))]
    if 0 < len(drops) <= r.size // SHORTEST_STEP and r[drops[-1]]:
        gamma = float(r[drops[-1] + 1] / r[drops[-1]])
        for shift in (2, 1, 1 - w, 2 - w):
            yield {"milestones": [drop + shift for drop in drops], "gamma": gamma}


def _cooldown(seen: Seen) -> Iterator[Guess]:
    r, top = seen.r, seen.top
    plateau = int(np.flatnonzero(r == r.max())[-1])
    for shape, share in _SHARES.items():
        for begin in (plateau + 1, plateau):
            for final in _finals(Seen(r, begin, top), r.size, share):
                yield {"decay_steps": r.size - begin, "shape": shape, "final_lr": final}
                yield {"decay_steps": r.size - begin, "shape": shape, "final_lr": final, "start_lr": 0.0}


def _inverse_sqrt(seen: Seen) -> Iterator[Guess]:
    r, w, top = seen
    yield {}
    yield {"floor": float(r[-1])}
    ratio = (top / float(r[-1])) ** 2 - 1 if r[-1] else 0.0
    if ratio > 0:
        for progress in (r.size - w, r.size - 1 - w):
            yield {"timescale": max(1, round(progress / ratio))}


def _one_cycle(seen: Seen) -> Iterator[Guess]:
    r, w, top = seen
    if 0 < r[0] < top and 0 < r[-1] <= r[0]:
        factors = {"div_factor": top / float(r[0]), "final_div_factor": float(r[0] / r[-1])}
        for anneal in ("cosine", "linear"):
            for three_phase in (False, True):
                yield {"warmup_steps": w, **factors, "anneal": anneal, "three_phase": three_phase}


_SHARES: Mapping[str, Callable[[float], float]] = {
    "linear": lambda z: 1 - z,
    "cosine": lambda z: (1 + math.cos(math.pi * z)) / 2,
    "1-sqrt": lambda z: 1 - math.sqrt(z),
    "exponential": lambda z: 2 * 0.5**z - 1,
}

GUESSES: Mapping[str, Guesses] = {
    "noam": _noam,
    "constant": _plain,
    "linear": _linear,
    "cosine": _cosine_of_any_kind,
    "rex": _annealed(lambda z: (1 - z) / (0.5 + (1 - z) / 2)),
    "inverse_sqrt": _inverse_sqrt,
    "wsd": _cooldown,
    "exponential": _exponential,
    "step": _steps,
    "cosine_restarts": _cycles,
    "polynomial": _power,
    "one_cycle": _one_cycle,
}
