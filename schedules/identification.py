"""Which schedule gives a recorded sequence of rates: every guess that can be built is computed and compared."""

import numpy as np

from schedules.errors import ScheduleError
from schedules.families import FAMILIES, build
from schedules.guesses import GUESSES, TOLERANCE, warmups
from schedules.modes import MODES, NATIVE
from schedules.schedule import F64, Schedule


def identify(rates: F64) -> Schedule | None:
    """Return a schedule whose rates equal ``rates`` [T], from update 1 on, to a millionth of their peak, or None.

    Our own convention is tried before any library's, and simple families before those that can imitate them.
    """
    r = np.asarray(rates, dtype=np.float64)
    if r.ndim != 1 or r.size < 2 or not np.isfinite(r).all() or r.min() < 0 or r.max() == 0:
        return None
    modes = [(mode, family) for mode in (NATIVE, *MODES) for family in GUESSES if family in MODES.get(mode, GUESSES)]
    candidates = (_first_equal(r, family, mode, shortest) for shortest in (0, 1) for mode, family in modes)
    return next((found for found in candidates if found is not None), None)


def _first_equal(r: F64, family: str, mode: str, shortest: int) -> Schedule | None:
    known = {parameter.name for parameter in FAMILIES[family].parameters()}
    taken = known if mode == NATIVE else MODES[mode][family].takes
    tried: set[str] = set()
    for seen, warmup in warmups(r, family, shortest):
        for guess in GUESSES[family](seen):
            given = {name: value for name, value in {**warmup, **guess}.items() if name in taken}
            if str(given) in tried:
                continue
            tried.add(str(given))
            try:
                candidate = build({"type": family, "mode": mode, "total_steps": r.size, **given})
            except ScheduleError:
                continue
            if np.abs(candidate.lrs() - r).max() <= TOLERANCE * r.max():
                return candidate
    return None
