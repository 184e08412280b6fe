"""Freeze a database of this version's schema, from which every later version must be able to upgrade.

    python -m tests.freeze 0001

Plays a history in which sweeps, trials, runs and attempts come into every state, on SQLite and on PostgreSQL, and
writes it to tests/data as SQL, with what this version tells its users of it. To be run once, at a release.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import select, update

from service.domain import access, best, events, progress, sweeps, workers
from service.domain import leases as holding
from service.errors import NotFoundError
from service.store import migrate
from service.store.engine import Store
from service.store.tables import Attempt, Run, Sweep, Trial, Upload
from service.studies import Studies
from service.token_key import TokenKey
from service.wire.protocol import Held, Outcome
from tests.integration.harness import RANDOM, Harness, news
from tests.postgres import find_binaries, running

DATA = Path(__file__).parent / "data"
TOKEN = "frozen-" + 40 * "x"
KEY = TokenKey("frozen-" + 40 * "y")


def main(version: str) -> None:
    """Write the files of a version."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        url = f"sqlite:///{directory / 'rampline.db'}"
        told = play(url, directory)
        (DATA / f"{version}.json").write_text(json.dumps(told, indent=1) + "\n")
        with closing(sqlite3.connect(directory / "rampline.db")) as connection:
            (DATA / f"{version}.sqlite.sql").write_text("\n".join(connection.iterdump()) + "\n")
    with running() as postgres, tempfile.TemporaryDirectory() as name:
        url = postgres.fresh()
        assert play(url, Path(name)) == told, "both databases tell the same"
        (DATA / f"{version}.postgresql.sql").write_text(dumped(url))


def dumped(url: str) -> str:
    """The statements that make a database again, without those that a server of another version may not know."""
    program = shutil.which("pg_dump", path=find_binaries()) or "pg_dump"
    options = ["--schema=rampline", "--rows-per-insert=1000", "--no-owner", "--no-privileges"]
    text = subprocess.run([program, *options, url], capture_output=True, text=True, check=True).stdout
    lines = [line for line in text.splitlines() if line and not line.startswith(("--", "\\", "SET "))]
    return "\n".join(lines) + "\n"


def play(url: str, directory: Path) -> dict[str, object]:
    """Make the history in a new database; returns what is told of it."""
    migrate.upgrade(url)
    store, studies = Store(url), Studies(f"sqlite:///{directory / 'optuna.db'}")
    try:
        _play(Harness(store, studies))
        return _told(store)
    finally:
        studies.close()
        store.close()


def _play(harness: Harness) -> None:
    """Sweeps in every state; in this order, so that claims find what they are to find."""
    ended = harness.submit(replicates=2)
    first, second = harness.worker(), harness.worker()
    leases = harness.claim(first, 16)
    harness.finish(first, leases[:12])
    harness.report(first, *(news(lease, Outcome(state="diverged", diverged_at=3)) for lease in leases[12:15]))
    for _ in range(3):
        (lease,) = leases[15:]
        harness.report(first, news(lease, Outcome(state="failed", cause="crash", error="a fault"), step=7))
        leases[15:] = harness.claim(first, 1)
    sampled = harness.submit(RANDOM, trials=6)
    harness.train(first)
    harness.sampling.tell(ended)
    failed = harness.submit(space={"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.001]})
    spoilt = Outcome(state="failed", cause="bad_data", error="no text")
    harness.report(second, *(news(lease, spoilt, step=0) for lease in harness.claim(second)))
    poison = harness.submit(name="poison", space={"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.001]})
    while harness.claim(harness.worker(), 1):
        harness.expire()
    cancelled = harness.submit(name="cancelled")
    leases = harness.claim(second, 4)
    harness.report(second, *(news(lease, step=9) for lease in leases[1:]))
    harness.finish(second, leases[:1])
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, cancelled)
    going = harness.submit(name="going", priority=2)
    lost = harness.claim(first, 3)
    harness.report(first, *(news(lease, step=5) for lease in lost))
    harness.expire()
    leases = harness.claim(second, 6)
    harness.report(second, *(news(lease, step=11).model_copy(update={"lane_share": 0.5}) for lease in leases))
    harness.finish(second, leases[:2])
    with harness.store.write() as session:
        holding.release(session, second, [Held(run_id=leases[2].run_id, fence=leases[2].fence)])
        workers.leave(session, first)
    queued = harness.submit(name="queued", priority=-1)
    _beyond_the_protocol(harness, sampled, queued)
    assert len({ended, sampled, failed, poison, cancelled, going, queued}) == 7


def _beyond_the_protocol(harness: Harness, sampled: int, queued: int) -> None:
    """What the workers' protocol does not lead to: a pruned run, an idempotency key, a token, and an upload."""
    run = harness.runs(sampled)[0]
    with harness.store.write() as session:
        session.execute(update(Run).where(Run.id == run.id).values(state="pruned"))
        session.execute(update(Attempt).where(Attempt.run_id == run.id).values(outcome="pruned"))
        session.execute(update(Trial).where(Trial.id == run.trial_id).values(state="pruned"))
        session.execute(update(Sweep).where(Sweep.id == queued).values(idempotency_key="once"))
        team = access.ensure_team(session, "red")
        user = access.ensure_user(session, team, "ada")
        access.ensure_token(session, KEY, TOKEN, "member", "frozen", user)
        given = {"team_id": team.id, "user_id": user.id, "name": "words", "digest": "0" * 64, "size": 3}
        session.add(Upload(**given, created_at=user.created_at))


def _told(store: Store) -> dict[str, object]:
    """Every sweep's state, progress, winner and events, and the queue."""
    with store.read() as session:
        found = session.scalars(select(Sweep).order_by(Sweep.id)).all()
        counted = progress.of_sweeps(session, found)
        told: dict[str, object] = {}
        for sweep in found:
            try:
                winner = best.best(session, sweeps.Glance.at(sweep), None).trial.number
            except NotFoundError:
                winner = None
            ends = [end.model_dump() for _, end in events.ends(session, sweep.id, 0, 1000)]
            told[str(sweep.id)] = {
                "name": sweep.name,
                "state": sweep.state,
                "progress": counted[sweep.id].model_dump(),
                "best": winner,
                "ends": ends,
            }
    return told


if __name__ == "__main__":
    main(sys.argv[1])
