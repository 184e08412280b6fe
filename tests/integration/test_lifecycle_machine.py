"""Whatever is done to sweeps, in whatever order and however often: N trials are N results, and no run is lost."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from optuna.trial import TrialState

from service.errors import ConflictError, InvalidError
from service.store.engine import Store
from service.store.tables import ENDED_RUN_STATES, ENDED_SWEEP_STATES
from service.studies import Studies
from service.wire.protocol import Command, Lease, RunReport
from tests.integration.harness import GRID, RANDOM, SPACE
from tests.integration.living import Living

SPECS: dict[str, dict[str, Any]] = {
    "grid": GRID | {"space": {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.001, 0.01]}},
    "random": RANDOM | {"trials": 3, "space": SPACE | {"schedule": ["linear"], "factor": None}, "replicates": 2},
}
WISHES: list[dict[str, Any]] = [
    {"total_steps": 40},
    {"trials": 5},
    {"trials": 8, "space": {"schedule": ["rex"]}},
    {"space": {"schedule": ["rex"]}},
    {"space": {"peak_lr": [0.02]}, "total_steps": [30]},
]
SWEEPS = st.integers(0, 2)
WORKERS = st.integers(0, 1)


class Lives(RuleBasedStateMachine):
    """Two workers and up to three sweeps."""

    template: Path

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        for name in ("rampline.db", "optuna.db"):
            shutil.copy(self.template / name, self.directory / name)
        self.store = Store(f"sqlite:///{self.directory / 'rampline.db'}")
        self.studies = Studies(f"sqlite:///{self.directory / 'optuna.db'}")
        self.living = Living(self.store, self.studies)
        self.workers = [self.living.worker(), self.living.worker()]
        self.leases: dict[int, dict[int, Lease]] = {worker: {} for worker in self.workers}
        self.sweeps: list[int] = []
        self.names: dict[int, str] = {}

    @rule(name=st.sampled_from(sorted(SPECS)))
    def submit(self, name: str) -> None:
        if len(self.sweeps) < 3:
            self.sweeps.append(self.living.submit(SPECS[name]))
            self.names[self.sweeps[-1]] = name

    @rule(which=WORKERS, lanes=st.integers(1, 5))
    def claim(self, which: int, lanes: int) -> None:
        worker = self.workers[which]
        for lease in self.living.claim(worker, lanes):
            self.leases[worker][lease.run_id] = lease
            assert self.living.sweep(lease.sweep_id).state in {"running", "completed"}

    @rule(which=WORKERS, step=st.integers(1, 19))
    def report(self, which: int, step: int) -> None:
        worker = self.workers[which]
        news = [RunReport(run_id=one.run_id, fence=one.fence, step=step) for one in self.leases[worker].values()]
        self.obey(worker, self.living.report(worker, *news))

    @rule(which=WORKERS, how=st.sampled_from(["completed", "diverged", "crash", "bad_data"]), count=st.integers(1, 3))
    def end(self, which: int, how: str, count: int) -> None:
        worker = self.workers[which]
        leases = list(self.leases[worker].values())[:count]
        if how in {"crash", "bad_data"}:
            self.living.fail(worker, *leases, cause=how)
        else:
            self.living.finish(worker, leases, state=how)
        for lease in leases:
            del self.leases[worker][lease.run_id]

    @rule(which=WORKERS)
    def release(self, which: int) -> None:
        worker = self.workers[which]
        self.living.release(worker, *self.leases[worker].values())
        self.leases[worker].clear()

    @rule()
    def expire(self) -> None:
        self.living.expire()

    @rule(which=SWEEPS, what=st.sampled_from(["pause", "resume", "retry"]), times=st.integers(1, 2))
    def act(self, which: int, what: str, times: int) -> None:
        for sweep in self.sweeps[which : which + 1]:
            before = self.living.sweep(sweep).state
            seen = []
            for _ in range(times):
                try:
                    getattr(self.living, what)(sweep)
                except ConflictError:
                    assert before == "cancelled"
                seen.append(self.rows(sweep))
            assert all(one == seen[0] for one in seen)
            if what == "pause":
                assert self.living.sweep(sweep).state == ("paused" if before not in ENDED_SWEEP_STATES else before)

    @rule(which=SWEEPS, wish=st.sampled_from(WISHES), times=st.integers(1, 2))
    def extend(self, which: int, wish: dict[str, Any], times: int) -> None:
        for sweep in self.sweeps[which : which + 1]:
            before, seen = self.living.sweep(sweep), []
            for _ in range(times):
                try:
                    self.living.extend(sweep, **wish)
                except ConflictError:
                    assert before.state == "cancelled"
                except InvalidError:
                    assert self.living.sweep(sweep).spec == before.spec
                seen.append(self.rows(sweep))
            assert all(one == seen[0] for one in seen)
            assert self.living.sweep(sweep).trials_total >= before.trials_total

    @rule(which=SWEEPS, priority=st.integers(-1, 1))
    def prioritise(self, which: int, priority: int) -> None:
        for sweep in self.sweeps[which : which + 1]:
            self.living.prioritise(sweep, priority)

    @rule()
    def cancel(self) -> None:
        if len(self.sweeps) == 3:  # others live on
            self.living.cancel(self.sweeps[2])

    @rule()
    def tell(self) -> None:
        self.living.sampling.tell_all()

    @invariant()
    def states_agree(self) -> None:
        for sweep_id in getattr(self, "sweeps", []):
            sweep, runs, trials = self.living.sweep(sweep_id), self.living.runs(sweep_id), self.living.trials(sweep_id)
            states = {run.state for run in runs}
            assert len(trials) == sweep.trials_made <= sweep.trials_total
            assert len(runs) == len(trials) * sweep.spec["replicates"]
            assert ("paused" in states) <= (sweep.state == "paused")
            assert ("queued" in states) <= (sweep.state in {"queued", "running"})
            unended = [run for run in runs if run.state not in ENDED_RUN_STATES]
            assert {run.paused for run in unended} <= {sweep.state == "paused"}
            assert {run.priority for run in unended} <= {sweep.priority}
            waits = bool(unended) or sweep.trials_made < sweep.trials_total
            assert waits == (sweep.state not in ENDED_SWEEP_STATES) or sweep.state == "cancelled"
            assert sweep.asking == (sweep.state in {"queued", "running"} and sweep.trials_made < sweep.trials_total)
            of_trial = {trial.id: [run.state for run in runs if run.trial_id == trial.id] for trial in trials}
            for trial in trials:
                ended = set(of_trial[trial.id]) <= set(ENDED_RUN_STATES)
                assert ended == (trial.state in ENDED_RUN_STATES)
                assert (trial.end_number is not None) <= ended

    def teardown(self) -> None:
        if not hasattr(self, "living"):
            return
        for sweep in self.sweeps:
            if self.living.sweep(sweep).state != "cancelled":
                self.living.resume(sweep)
        self.living.expire()
        while leases := self.living.claim(worker := self.living.worker(), 100):
            self.living.finish(worker, leases)
        for sweep in self.sweeps:
            if self.living.sweep(sweep).state != "cancelled":
                self.living.retry(sweep)
        while leases := self.living.claim(worker := self.living.worker(), 100):
            self.living.finish(worker, leases)
        self.living.sampling.tell_all()
        for sweep in self.sweeps:
            self.check_study(sweep)
        self.studies.close()
        self.store.close()
        shutil.rmtree(self.directory)

    def check_study(self, sweep_id: int) -> None:
        """Every trial has its value, in our rows and once in the study."""
        sweep, trials = self.living.sweep(sweep_id), self.living.trials(sweep_id)
        if sweep.state != "cancelled":
            assert sweep.state == "completed"
            assert len(trials) == sweep.trials_total
            assert {trial.state for trial in trials} <= {"completed", "diverged"}
        assert not [trial for trial in trials if trial.to_tell]
        name = f"red/{self.names[sweep_id]} #{sweep_id}" + (f" (space {sweep.study + 1})" if sweep.study else "")
        storage = self.studies.storage
        begun = name in optuna.get_all_study_names(storage)  # one that is cancelled at once has no study
        told = optuna.load_study(study_name=name, storage=storage).trials if begun else []
        values = Counter((one.user_attrs["trial"], one.value) for one in told if one.state == TrialState.COMPLETE)
        assert values == Counter((trial.number, trial.value) for trial in trials if trial.value is not None)
        assert not [one for one in told if one.state == TrialState.RUNNING]

    def obey(self, worker: int, commands: list[Command]) -> None:
        """Do as a worker does: let go of what is lost or cancelled, give back what is to be parked."""
        for command in commands:
            if command.command == "continue":
                continue
            lease = self.leases[worker].pop(command.run_id)
            if command.command == "park":
                assert self.living.release(worker, lease) == [lease.run_id]

    def rows(self, sweep_id: int) -> list[object]:
        """All that is known of a sweep."""
        sweep = self.living.sweep(sweep_id)
        return [
            (sweep.state, sweep.spec, sweep.trials_total, sweep.trials_made, sweep.study, sweep.asking),
            [(run.id, run.state, run.paused, run.fence, run.forgiven) for run in self.living.runs(sweep_id)],
            [(trial.id, trial.state, trial.value, trial.optuna_number) for trial in self.living.trials(sweep_id)],
        ]


@pytest.fixture(autouse=True)
def _template(sqlite_template: Path) -> None:
    Lives.template = sqlite_template


TestLives = Lives.TestCase
# Without shrinking: each step is many statements, and a history that fails is short enough to read.
TestLives.settings = settings(
    max_examples=6,
    stateful_step_count=25,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    database=None,
)
