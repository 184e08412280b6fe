"""How teams share a cluster: the service's policy against first come, first served, in a simulation of days.

    python benchmarks/fair_share.py

Prints the table of docs/fair-sharing.md. It is the same at every call: chance is seeded, and time is simulated.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.simulation.cluster import Policy
from tests.simulation.workload import Workload

CLUSTERS = {
    "one GPU of 4 lanes, 3 teams and 3 guests, 7 days": Workload(
        workers=1, lanes=4, days=7, weights=[1, 1, 2], guests=3, visits=1
    ),
    "16 GPUs of 8 lanes, 8 teams and 20 guests, 7 days": Workload(
        workers=16, lanes=8, days=7, weights=[1, 1, 1, 1, 2, 2, 4, 4], guests=20
    ),
    "200 GPUs of 8 lanes, 40 teams and 160 guests, 2 days": Workload(
        workers=200, lanes=8, days=2, weights=[1, 2, 4, 1] * 10, guests=160
    ),
}


def main() -> None:
    """Simulate each cluster under each policy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, default=len(CLUSTERS), help="how many of the clusters, the small first")
    given = parser.parse_args()
    for name, workload in list(CLUSTERS.items())[: given.clusters]:
        print(f"\n{name}\n")
        print("| policy | Jain | worst off | wait p50 | p95 | max | utilisation | runs | parked | overhead |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for policy in get_args(Policy):
            started = time.monotonic()
            found = workload.simulate(policy)
            print(
                f"| {policy} | {found.jain:.3f} | {found.least:.2f} | {_shown(found.wait_p50)} "
                f"| {_shown(found.wait_p95)} | {_shown(found.wait_max)} | {found.utilisation:.1%} "
                f"| {found.finished} | {found.parks} | {found.overhead:.2%} |",
                flush=True,
            )
            print(f"{policy}: simulated in {time.monotonic() - started:.0f} s", file=sys.stderr)


def _shown(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


if __name__ == "__main__":
    main()
