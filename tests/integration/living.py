"""A service without HTTP whose sweeps are paused, extended and tried again."""

from typing import Any

from typing_extensions import override

from service.api.validation import read_spec
from service.domain import extension, lifecycle, reopening, sweeps, warm_start
from service.domain import leases as holding
from service.domain.plan import plan
from service.store.tables import Sweep
from service.wire.lifecycle import Extension
from service.wire.protocol import Held, Lease, Outcome
from service.wire.sweep import SweepSpec
from tests.integration.harness import GRID, TEXT, Harness, news


class Living(Harness):
    """What people do to sweeps on their way."""

    @override
    def submit(self, spec: dict[str, Any] | None = None, **overrides: Any) -> int:
        """Queue a sweep, which may begin with what an older one found."""
        checked = plan(SweepSpec.model_validate((spec or GRID) | overrides))
        with self.store.write() as session:
            inheriting = warm_start.resolve(session, self.principal, checked)
            return sweeps.submit(session, self.principal, inheriting, TEXT).id

    def pause(self, sweep_id: int) -> Sweep:
        with self.store.write() as session:
            return lifecycle.pause(session, self.principal, sweep_id)

    def resume(self, sweep_id: int) -> Sweep:
        with self.store.write() as session:
            return lifecycle.resume(session, self.principal, sweep_id)

    def cancel(self, sweep_id: int) -> Sweep:
        with self.store.write() as session:
            return sweeps.cancel(session, self.principal, sweep_id)

    def prioritise(self, sweep_id: int, priority: int) -> Sweep:
        with self.store.write() as session:
            return lifecycle.prioritise(session, self.principal, sweep_id, priority)

    def retry(self, sweep_id: int) -> Sweep:
        with self.sampling.still(sweep_id), self.store.write() as session:
            return reopening.retry(session, self.principal, sweep_id)

    def extend(self, sweep_id: int, **wish: Any) -> Sweep:
        asked = Extension.model_validate(wish)
        with self.sampling.still(sweep_id):
            before = self.sweep(sweep_id)
            spec = SweepSpec.model_validate(before.spec)
            wanted = plan(read_spec(extension.extended(spec, asked, before.trials_total)))
            with self.store.write() as session:
                return extension.extend(session, self.principal, sweep_id, wanted, asked)

    def release(self, worker_id: int, *leases: Lease) -> list[int]:
        """Give runs back, as a worker does with those that it parked."""
        with self.store.write() as session:
            return holding.release(session, worker_id, [Held(run_id=one.run_id, fence=one.fence) for one in leases])

    def fail(self, worker_id: int, *leases: Lease, cause: str = "bad_data") -> None:
        """Report that runs have failed, for good unless the cause allows another attempt."""
        outcome = Outcome.model_validate({"state": "failed", "cause": cause, "error": "no"})
        self.report(worker_id, *(news(lease, outcome, step=5) for lease in leases))

    def states(self, sweep_id: int) -> list[str]:
        """The states of a sweep's runs, in alphabetical order."""
        return sorted(run.state for run in self.runs(sweep_id))
