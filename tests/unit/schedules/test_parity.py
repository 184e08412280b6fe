import numpy as np
import pytest

from schedules import Schedule
from schedules.modes import MODES
from tests.unit.schedules.parity_cases import ORACLES, cases

PAIRS = [(mode, family) for mode, families in MODES.items() for family in families]


# The peak is 3e-3: a few units in its last place, which is where libraries round differently. torch computes each
# rate from the last one, so its own rounding adds up.
TOLERANCE = {"torch": 3e-16, "torch_chained": 3e-16}


def _differences(mode: str, family: str) -> list[tuple[Schedule, float]]:
    oracle = ORACLES[mode][family]
    return [(one, float(np.abs(one.lrs() - oracle(one)).max())) for one in cases(mode, family)]


@pytest.mark.parametrize(("mode", "family"), PAIRS)
def test_a_mode_gives_the_rate_of_its_source_at_every_update(mode: str, family: str) -> None:
    differences = _differences(mode, family)
    assert len(differences) >= 2
    assert max(difference for _, difference in differences) < TOLERANCE.get(mode, 3e-18), max(
        differences, key=lambda pair: pair[1]
    )


def test_every_mode_has_an_oracle_for_each_of_its_families() -> None:
    assert {mode: set(families) for mode, families in MODES.items()} == {
        mode: set(families) for mode, families in ORACLES.items()
    }
