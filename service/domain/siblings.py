"""The order in which a sweep's runs are handed out: siblings together, so that they meet on one worker.

Siblings are runs of one seed whose rates begin alike; a worker trains their common beginning once.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from service.domain.space import Configuration

# Rates are compared at these updates: at growing distances few tell, nearly enough, where two schedules part.
_UPDATES = np.unique(np.logspace(0, 24, 49, base=2).round())


def handing_out(configurations: Sequence[Configuration], replicates: int) -> list[tuple[int, int]]:
    """The runs as (index of the configuration, replicate), in the order in which workers are to get them.

    Configurations keep their order, except that those whose first rate and optimizer agree follow the first of them.
    """
    rates = [_rates(configuration) for configuration in configurations]
    trunks: dict[tuple[str, float], int] = {}
    for index, configuration in enumerate(configurations):
        trunks.setdefault((repr(configuration.optimizer), rates[index][0]), index)
    runs = [(index, replicate) for index in range(len(configurations)) for replicate in range(replicates)]

    def place(run: tuple[int, int]) -> tuple[int, int, list[float]]:
        index, replicate = run
        return trunks[repr(configurations[index].optimizer), rates[index][0]], replicate, rates[index]

    return sorted(runs, key=place)


def trunks(sweep_id: int, configurations: Sequence[Configuration], shortest: int) -> list[str]:
    """The trunk of each configuration: equal where runs of one seed share a beginning that is worth a worker's while.

    That is about a twentieth of the sweep's shortest runs, of `shortest` updates: runs that share less gain less than
    they lose where one worker has them all and another is idle. (Those of different seeds share nothing.)
    """
    beginning = max(1, shortest // 20)
    digests = []
    for one in configurations:
        rates = one.built.rates_at(_UPDATES[np.minimum(beginning, one.built.total_steps) >= _UPDATES])
        digests.append(sha256(f"{sweep_id} {one.optimizer!r} ".encode() + rates.tobytes()).hexdigest()[:32])
    return digests


def _rates(configuration: Configuration) -> list[float]:
    schedule = configuration.built
    rates: list[float] = schedule.rates_at(_UPDATES[schedule.total_steps >= _UPDATES]).tolist()
    return rates
