"""A service without HTTP: what tests do with the domain, in the words of the domain."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from sqlalchemy import select, update

from service.domain import access, quarantine, queue, sweeps, workers
from service.domain.access import Principal
from service.domain.corpora import CorpusLibrary, Text
from service.domain.curves import Curves
from service.domain.plan import plan
from service.pruning import Pruning
from service.reports import Reports
from service.sampling import Sampling
from service.store.engine import Store
from service.store.tables import Run, Sweep, Trial, Worker, in_state
from service.studies import Studies
from service.wire.protocol import Claim, Command, Hello, Lease, Outcome, Report, RunReport, ValPoint
from service.wire.sweep import SweepSpec

LEASE_SECONDS = 60.0
TEXT = Text("file:words.txt", b"to be or not to be, that is the question\n" * 400)
GRID: dict[str, Any] = {
    "name": "grid",
    "space": {"schedule": ["linear", "cosine"], "warmup_steps": [2, 4], "peak_lr": [0.001, 0.01]},
    "sampler": {"type": "grid"},
    "total_steps": 20,
    "data": {"corpus": TEXT.name},
}
SPACE: dict[str, Any] = {
    "schedule": ["noam", "linear", "wsd"],
    "warmup_steps": {"low": 2, "high": 10},
    "peak_lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "factor": {"low": 0.5, "high": 2.0},  # noam's; without it a sampler soon proposes one of its configurations again
}
RANDOM: dict[str, Any] = GRID | {"name": "random", "space": SPACE, "sampler": {"type": "random"}, "trials": 12}
TPE: dict[str, Any] = RANDOM | {"name": "tpe", "sampler": {"type": "tpe", "seed": 3}}


@dataclass
class Harness:
    """A store, its studies, one team with a member, and as many workers as a test registers."""

    store: Store
    studies: Studies
    sampling: Sampling = field(init=False)
    reports: Reports = field(init=False)
    pruning: Pruning = field(init=False)
    principal: Principal = field(init=False)

    def __post_init__(self) -> None:
        self.sampling = Sampling(self.store, self.studies)
        self.reports = Reports(self.store, LEASE_SECONDS)
        self.pruning = Pruning(self.store, Curves(stale_seconds=0))
        with self.store.write() as session:
            team = access.ensure_team(session, "red")
            user = access.ensure_user(session, team, "ada")
            self.principal = Principal(0, "member", "ada", user.id, team.id)

    def submit(self, spec: dict[str, Any] | None = None, **overrides: Any) -> int:
        """Queue a sweep; returns its id."""
        checked = plan(SweepSpec.model_validate((spec or GRID) | overrides))
        with self.store.write() as session:
            return sweeps.submit(session, self.principal, checked, TEXT).id

    def joined_by(self, team: str) -> "Harness":
        """The same service, for a member of another team."""
        other = copy(self)
        with self.store.write() as session:
            its = access.ensure_team(session, team)
            user = access.ensure_user(session, its, f"one of {team}")
            other.principal = Principal(0, "member", user.name, user.id, its.id)
        return other

    def worker(self, lanes: int = 4) -> int:
        """Register a worker."""
        with self.store.write() as session:
            hello = Hello(name="host:1", device="cpu", device_name="a CPU", lanes=lanes, version="0")
            return workers.register(session, hello)

    def claim(
        self,
        worker_id: int,
        lanes: int = 4,
        shape: str | None = None,
        seconds: float = LEASE_SECONDS,
        siblings: int = 0,
    ) -> list[Lease]:
        """Claim what is there, asking samplers for what is not."""
        request = Claim(worker_id=worker_id, lanes=lanes, siblings=siblings, shape=shape)
        self.sampling.top_up(request)
        with self.store.write() as session:
            quarantine.judge(session, quarantine.suspects(session))
        with self.store.write() as session:
            leases = queue.claim(session, request, seconds).leases
        with self.store.write() as session:
            sweeps.mark_running(session, [lease.sweep_id for lease in leases])
        return leases

    def report(self, worker_id: int, *news: RunReport) -> list[Command]:
        """Report on runs."""
        request = Report(worker_id=worker_id, updates_per_second=1.0, runs=list(news))
        return self.pruning.orders(request, self.reports.take(request))

    def finish(
        self, worker_id: int, leases: Sequence[Lease], value: float | None = None, **outcome: Any
    ) -> list[Command]:
        """Report that runs have ended; their values differ from trial to trial unless `value` is given."""
        outcome = {"state": "completed"} | outcome
        return self.report(
            worker_id,
            *(news(lease, Outcome(value=value_of(lease) if value is None else value, **outcome)) for lease in leases),
        )

    def train(self, worker_id: int, lanes: int = 4) -> int:
        """Train until nothing is left; returns how many runs there were."""
        count = 0
        while leases := self.claim(worker_id, lanes):
            self.finish(worker_id, leases)
            count += len(leases)
        return count

    def expire(self) -> None:
        """Let every lease expire, of workers of which nothing was heard since."""
        with self.store.write() as session:
            holding = select(Run.worker_id).where(in_state(Run.state, "running"))
            silent = update(Worker).where(Worker.id.in_(holding)).values(last_seen_at=Worker.registered_at)
            session.execute(silent, execution_options={"synchronize_session": False})
            session.execute(update(Run).where(Run.state == "running").values(lease_expires_at=Run.started_at))

    def runs(self, sweep_id: int) -> list[Run]:
        """The runs of a sweep."""
        with self.store.read() as session:
            return list(session.scalars(select(Run).where(Run.sweep_id == sweep_id).order_by(Run.id)))

    def trials(self, sweep_id: int) -> list[Trial]:
        """The trials of a sweep."""
        with self.store.read() as session:
            return list(session.scalars(select(Trial).where(Trial.sweep_id == sweep_id).order_by(Trial.number)))

    def told(self, name: str) -> list[FrozenTrial]:
        """The trials of a study, as Optuna itself reads them."""
        return optuna.load_study(study_name=name, storage=self.studies.storage).trials

    def sweep(self, sweep_id: int) -> Sweep:
        """A sweep's row."""
        with self.store.read() as session:
            return session.get_one(Sweep, sweep_id)


def news(lease: Lease, outcome: Outcome | None = None, *, step: int | None = None) -> RunReport:
    """A report on a run with a curve of three validation losses."""
    last = lease.schedule["total_steps"] if step is None else step
    val = [ValPoint(step=0, value=5.5), ValPoint(step=last // 2, value=2.0), ValPoint(step=last, value=value_of(lease))]
    return RunReport(run_id=lease.run_id, fence=lease.fence, step=last, train_loss=3.0, val=val, outcome=outcome)


def value_of(lease: Lease) -> float:
    """A value that tells trials and replicates apart."""
    return 3.0 + lease.trial / 100 + lease.replicate / 1000


def library(directory: Path) -> CorpusLibrary:
    """A library whose corpora directory holds the test text."""
    (directory / "corpora").mkdir(exist_ok=True)
    (directory / "corpora" / "words.txt").write_bytes(TEXT.content)
    return CorpusLibrary(directory / "artifacts", directory / "corpora")
