"""Looks the pinned dependencies up among the known vulnerabilities: `python deploy/audit.py`.

The exit status is 1 if one is known. Where the advisory service (OSV) cannot be reached, nothing has been audited; that
is said, and passes: a check without a network is no reason to stop.
"""

import json
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
SECONDS = 120


def main() -> int:
    """Audit, print what was found, and return the exit status."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--timeout", "10"]
    command += ["--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return verdict("", f"no answer in {SECONDS} s")
    return verdict(ended.stdout, ended.stderr)


def verdict(report: str, complaint: str) -> int:
    """Print what pip-audit found, a line for each vulnerability, and return the exit status."""
    try:
        dependencies = json.loads(report)["dependencies"]
    except ValueError:
        last = complaint.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        _say(f"not audited, the advisory service cannot be reached: {last[0][:300]}")
        return 0
    found = [(one["name"], one["version"], flaw) for one in dependencies for flaw in one.get("vulns", [])]
    for name, version, flaw in found:
        remedy = f"fixed in {', '.join(flaw['fix_versions'])}" if flaw["fix_versions"] else "not fixed yet"
        _say(f"{name} {version}: {flaw['id']}, {remedy}")
    skipped = sum("skip_reason" in one for one in dependencies)
    audited = f"{len(dependencies) - skipped} of {len(dependencies)} dependencies audited"
    _say(f"{audited}, {len(found)} known vulnerabilities")
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stdout.write(f"audit: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
