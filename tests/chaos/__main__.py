"""The long kill matrix: `make chaos`, or `python -m tests.chaos --help`."""

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from sqlalchemy import select

from service.store.tables import Sweep
from tests.chaos import sweeps
from tests.chaos.checks import Control
from tests.chaos.cluster import Cluster
from tests.chaos.databases import DatabaseUnderTest, PostgresServer, SqliteFile
from tests.chaos.evidence import collect
from tests.chaos.faults import LONG, SHORT
from tests.chaos.matrix import Round, rounds
from tests.chaos.rounds import Row, check, play
from tests.chaos.table import markdown

DATABASES = ("sqlite", "postgresql")
LEASE_SECONDS = 5.0
_EPILOG = """
Each round submits a sweep of 24 trials, a grid or TPE, of which six diverge, and strikes it with one fault or a pair at
a moment that the seed decides. Then it compares every trial, every record in MLflow and every trial of the Optuna study
with each other and, bit for bit, with a sweep that nobody disturbed. What was done and what came of it is printed as a
Markdown table at the end; the exit status is 1 when any check failed.

examples:
  make chaos                                             # 30 minutes, half of them on each database
  make chaos ARGS='--minutes 5 --database sqlite'
  make chaos ARGS='--seed 7 --database postgresql --round 12'   # that round alone, as it was
"""


def main() -> int:
    """Play rounds until the time is up; returns the exit status."""
    given = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # both end it in good order, also in the background
    print(f"seed {given.seed}; the same again: make chaos ARGS='--seed {given.seed}'", flush=True)
    kinds = DATABASES if given.database == "both" else (given.database,)
    rows: list[Row] = []
    control: Control | None = None
    stopped = False
    for kind in kinds:
        directory = Path(tempfile.mkdtemp(prefix=f"rampline-chaos-{kind}-"))
        until = time.monotonic() + 60 * given.minutes / len(kinds)
        failed = len([row for row in rows if row.wrong])
        try:
            control = _matrix(kind, directory, given, until, rows, control)
        except KeyboardInterrupt:
            print(f"{kind}: stopped early", flush=True)
            stopped = True
        if given.keep or failed < len([row for row in rows if row.wrong]):
            print(f"{kind}: logs and databases are kept in {directory}", flush=True)
        else:
            shutil.rmtree(directory)
        if stopped:
            break
    print(f"\n{markdown(rows)}\n")
    wrong = [line for row in rows for line in row.wrong]
    print(f"seed {given.seed}: {len(rows)} sweeps, {len(wrong)} things wrong")
    return 1 if wrong else 0


def _matrix(
    kind: str, directory: Path, given: argparse.Namespace, until: float, rows: list[Row], control: Control | None
) -> Control | None:
    """Rounds on one database; returns what each configuration comes to undisturbed."""
    database: DatabaseUnderTest = SqliteFile(directory / "data") if kind == "sqlite" else PostgresServer()
    cluster = Cluster(directory, database, lease_seconds=LEASE_SECONDS)
    lengths = SHORT if given.short else LONG
    print(f"{kind}: starting MLflow, the service and two workers (disks: {cluster.disks[0].kind})", flush=True)
    try:
        cluster.start()
        if control is None:
            print(f"{kind}: the undisturbed sweep", flush=True)
            row, evidence = play(cluster, sweeps.grid(given.updates), [], Random(0), None)
            _say(kind, None, row, given.seed)
            rows.append(row)
            control = evidence.results()
        for one in rounds(cluster, lengths, given.seed, given.updates):
            if time.monotonic() > until and (given.round is None or one.number > given.round):
                break
            if given.round is None or one.number == given.round:
                rows.append(_play(cluster, one, control, given))
            if given.round is not None and one.number >= given.round:
                break
        rows += _look_again(cluster, control, given.seed)
    except TimeoutError as error:
        rows.append(Row(kind, "-", ["the last round"], wrong=[f"{kind}: {error}; the rounds on it end here"]))
        print(f"  seed {given.seed}, {kind}: {error}", flush=True)
    finally:
        left = cluster.stop()
    if left:
        rows.append(Row(kind, "-", ["the end"], checks=1, checks_failed=1, wrong=[f"processes are left: {left}"]))
        print(f"  seed {given.seed}, {kind}: processes are left: {left}", flush=True)
    return control


def _look_again(cluster: Cluster, control: Control, seed: int) -> list[Row]:
    """Check every sweep once more, when whatever was late has had its time to do harm."""
    with cluster.store.read() as session:
        ids = list(session.scalars(select(Sweep.id).order_by(Sweep.id)))
    row = Row(cluster.database.kind, "-", ["all of it, checked again at the end"])
    for sweep_id in ids:
        check(row, collect(cluster, sweep_id), control)
    _say(cluster.database.kind, None, row, seed)
    return [row]


def _play(cluster: Cluster, one: Round, control: Control, given: argparse.Namespace) -> Row:
    fault, moment = one.strikes[0].fault.name, one.strikes[0].moment
    kind = cluster.database.kind
    print(f"{kind} round {one.number}: {one.spec['name']}, {fault} after {moment:.0%} of the updates", flush=True)
    row, _ = play(cluster, one.spec, one.strikes, one.random, control, at_risk=given.at_risk)
    _say(kind, one.number, row, given.seed)
    return row


def _say(kind: str, number: int | None, row: Row, seed: int) -> None:
    recovery = f", moved on after {row.recovery_seconds[0]:.1f} s" if row.recovery_seconds else ""
    print(
        f"  {row.trials} trials, {row.trials_lost} lost, {row.runs_repeated} runs and {row.updates_repeated} updates"
        f" repeated, {row.checks - row.checks_failed} of {row.checks} checks hold{recovery}",
        flush=True,
    )
    for line in row.wrong:
        where = f"--seed {seed} --database {kind}" + (f" --round {number}" if number else "")
        print(f"  WRONG ({where}): {line}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make chaos",
        description="Kill, freeze, cut off and starve every part of Rampline while it trains, and check what is left.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30, help="how long, for all databases together (default 30)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="decides all moments and victims")
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--round", type=int, help="play this round alone")
    parser.add_argument("--updates", type=int, default=400, help="length of each training (default 400)")
    parser.add_argument("--at-risk", type=int, help="updates that a lost attempt may cost (default: all of them)")
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes of absence")
    parser.add_argument("--keep", action="store_true", help="keep logs and databases when nothing was wrong, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
