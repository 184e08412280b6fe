import subprocess
import sys

import pytest

import schedules

HEAVY = ("torch", "matplotlib", "scipy", "pandas")


def test_importing_schedules_and_computing_rates_imports_nothing_heavy() -> None:
    code = (
        "import sys, schedules\n"
        "one = schedules.build({'type': 'cosine', 'total_steps': 9, 'peak_lr': 1.0})\n"
        "one.lrs(), schedules.lint(one)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert all(getattr(schedules, name) is not None for name in schedules.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        schedules.nothing  # noqa: B018  # the access is what is tested
