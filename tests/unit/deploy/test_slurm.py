"""deploy/slurm/worker.sbatch as Slurm and a shell read it; tests/acceptance/test_slurm.py runs it."""

import re
import subprocess
import sys
from pathlib import Path

from worker.main import GRACE_SECONDS

SCRIPT = Path(__file__).parents[3] / "deploy" / "slurm" / "worker.sbatch"


def test_the_script_has_no_fault_that_shellcheck_knows() -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    checked = subprocess.run([shellcheck, SCRIPT], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_draining_ends_before_the_time_limit() -> None:
    script = SCRIPT.read_text()
    (warned,) = re.findall(r"^#SBATCH --signal=B:TERM@(\d+)$", script, re.MULTILINE)
    (drain,) = re.findall(r"RAMPLINE_DRAIN_SECONDS:-(\d+)}", script)
    assert int(drain) + GRACE_SECONDS + 15 < int(warned), "Slurm looks at the time once in a while only"


def test_directives_come_before_the_first_command() -> None:
    lines = SCRIPT.read_text().splitlines()
    directives = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert directives
    assert max(directives) < first, "sbatch reads no further"
