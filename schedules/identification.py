"""Which schedule gives a recorded sequence of rates: every guess that can be built is computed and compared."""

import numpy as np

from schedules.errors import ScheduleError
from schedules.families import FAMILIES, build
from schedules.guesses import GUESSES, TOLERANCE, Guesses, warmups
from schedules.modes import MODES, NATIVE
from schedules.schedule import F64, Schedule


def identify(rates: F64) -> Schedule | None:
    """Return a schedule whose rates equal ``rates`` [T], from update 1 on, to a millionth of their peak, or None.

    Our own convention is tried before any library's, and simple families before those that can imitate them.
    """
    r = np.asarray(rates, dtype=np.float64)
    if r.ndim != 1 or r.size < 2 or not np.isfinite(r).all() or r.min() < 0 or r.max() == 0:
        return None
    for mode in (NATIVE, *MODES):
        for family, guesses in GUESSES.items():
            if mode == NATIVE or family in MODES[mode]:
                found = _first_equal(r, family, mode, guesses)
                if found is not None:
                    return found
    return None


def _first_equal(r: F64, family: str, mode: str, guesses: Guesses) -> Schedule | None:
    known = {parameter.name for parameter in FAMILIES[family].parameters()}
    for seen, warmup in warmups(r, family):
        for guess in guesses(seen):
            given = {name: value for name, value in {**warmup, **guess}.items() if name in known}
            try:
                candidate = build({"type": family, "mode": mode, "total_steps": r.size, **given})
            except ScheduleError:
                continue
            if np.abs(candidate.lrs() - r).max() <= TOLERANCE * r.max():
                return candidate
    return None
