"""The faults of a fleet on Ray: `make chaos-fleet`, or `python -m tests.chaos.fleet`. Prints a table in Markdown."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.ray_cluster import RayCluster
from tests.chaos.ray_faults import FleetRow, faults, markdown, play, wait_until_all_is_given_back

_EPILOG = """
Starts the service, a fleet, and three machines of a Ray cluster as processes here: a head, and two with one GPU each
that is only declared. Each round submits a sweep of 12 trials, strikes when it is trained, and checks that every
trial has exactly one result and that what was displaced is trained again in time; at the end no actor may be left.
"""


def main() -> int:
    """Strike with every fault; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="make chaos-fleet", epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=1500, help="length of each training (default 1500)")
    parser.add_argument("--fault", help="strike with those alone whose names hold this")
    parser.add_argument("--keep", action="store_true", help="keep logs when nothing was wrong, too")
    given = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    directory = Path(tempfile.mkdtemp(prefix="rl-"))  # short: Ray makes sockets below it
    cluster = RayCluster(directory)
    rows: list[FleetRow] = []
    wrong: list[str] = []
    try:
        cluster.start("a", "b")
        for fault in faults():
            if given.fault is None or given.fault in fault.name:
                print(fault.name, flush=True)
                rows.append(play(cluster, fault, given.updates))
                print(f"  {rows[-1]}", flush=True)
        seconds = wait_until_all_is_given_back(cluster)
        print(f"no worker is left {seconds:.0f} s after the last sweep")
    except TimeoutError as error:
        wrong.append(str(error))
    finally:
        left = cluster.stop()
    wrong += [line for row in rows for line in row.wrong]
    wrong += [f"{row.fault}: too late" for row in rows if row.resumed_seconds > row.limit]
    wrong += [f"processes are left: {left}"] if left else []
    print(f"\n{markdown(rows)}\n")
    print("\n".join(wrong) or "nothing wrong")
    if wrong or given.keep:
        print(f"logs are kept in {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
