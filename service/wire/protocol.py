"""The workers' protocol: register, claim, report, release. Every write carries its lease's fence.

How a record may change is said in `service.wire.versions`; the test of the frozen protocols holds to it.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from service.wire.base import Record, Wire
from service.wire.description import RunDescription
from service.wire.names import PRINTABLE
from service.wire.placement import Labels
from service.wire.versions import NewWord, Since


class Hello(Wire):
    """A worker introduces itself."""

    protocol: int = Field(default=1, description="1; services of version 1 look here, newer ones at the header")
    name: str = Field(min_length=1, max_length=200, pattern=PRINTABLE, description="host and process, for people")
    device: str = Field(min_length=1, max_length=40, pattern=PRINTABLE, description="cpu, cuda:0, ...")
    device_name: str = Field(min_length=1, max_length=200, pattern=PRINTABLE)
    lanes: int = Field(ge=1, le=4096, description="how many runs it trains at once")
    version: str = Field(min_length=1, max_length=40, pattern=PRINTABLE)
    memory_gib: Annotated[float | None, Since(2)] = Field(default=None, ge=0, description="of the device")
    labels: Annotated[Labels, Since(2)] = Field(default={}, description="what sweeps may require of a worker")
    slot: Annotated[str | None, Since(2)] = Field(
        default=None, min_length=1, max_length=200, description="a place that one worker has at a time, in a fleet"
    )


class Welcome(Record):
    """What a worker needs to know: its id, how long a lease lasts, how often to report, where MLflow is.

    `tracking_url` that begins with a slash is a path of the service itself, where the worker's own token is asked for.
    `states_url` is the directory or the fsspec URL where workers keep states, None for the service itself;
    `states_bytes` is how much they may keep there.
    """

    worker_id: int
    lease_seconds: float
    report_seconds: float
    tracking_url: str | None
    states_url: str | None = None
    states_bytes: float = Field(default=8 * 2**30, gt=0)


class Claim(Wire):
    """Ask for up to `lanes` runs; `shape` limits them to runs that fit the batch that is training.

    Up to `siblings` more are granted if they share a beginning with those, or with what the worker holds: they need no
    lane of their own yet.
    """

    worker_id: int
    lanes: int = Field(ge=1, le=4096)
    siblings: int = Field(default=0, ge=0, le=4096)
    shape: str | None = None
    wait_seconds: float = Field(default=0, ge=0, le=30, description="how long to wait for work at the server")


class Lease(RunDescription):
    """One run to train, and the right to report on it until `fence` changes.

    `attempt` counts from 1; above 1, an earlier worker lost this run. `alone` asks that nothing be trained beside it:
    workers died with it again and again, and it is to be seen whether it is the one that kills them.
    """

    fence: int
    attempt: int
    alone: bool = False


class Granted(Record):
    """The answer to a claim: leases, none if nothing fits; `drain` asks the worker to finish and leave."""

    leases: list[Lease]
    drain: bool = False


class ValPoint(Wire):
    """A validation loss in nats per byte, after update `step`."""

    step: int = Field(ge=0)
    value: float


class Outcome(Wire):
    """How a run ended. `value` is what the sampler learns; a diverged run has its initial loss, a pruned one its last.

    A failed one says by its `cause` whether it is worth another try; see `service.domain.triage`.
    """

    state: Literal["completed", "pruned", "diverged", "failed"]
    cause: Literal["out_of_memory", "crash", "bad_data"] | None = None
    value: float | None = None
    diverged_at: int | None = None
    error: str | None = Field(default=None, max_length=4000)

    @model_validator(mode="before")
    @classmethod
    def _without_nul(cls, given: Any) -> Any:
        """An error that quotes bytes is still to be told."""
        if isinstance(given, dict) and isinstance(given.get("error"), str):
            return given | {"error": given["error"].replace("\0", "")}
        return given


class RunReport(Wire):
    """One run's news: updates done, losses seen since the last report, and the outcome when it ended.

    `lane_share` is 1 for a run that has a lane to itself, 1/n where n runs share one, and 0 while it waits for a lane
    or for its record. `resumed_from` is the update from which this attempt went on, 0 if it began the run.
    `device_seconds` and `joules` are what this attempt has cost so far: its part of the time in which its device
    trained, and of the energy that the device took in that time, where it tells.
    """

    run_id: int
    fence: int
    step: int = Field(ge=0)
    lane_share: float = Field(default=0.0, ge=0, le=1)
    device_seconds: Annotated[float, Since(2)] = Field(default=0.0, ge=0, le=1e12)
    joules: Annotated[float | None, Since(2)] = Field(default=None, ge=0, le=1e18)
    resumed_from: int = Field(default=0, ge=0)
    note: str | None = Field(default=None, max_length=1000, description="what people should know of this attempt")
    train_loss: float | None = None
    val: list[ValPoint] = Field(default=[], max_length=10_000)
    mlflow_run_id: str | None = Field(default=None, max_length=64)
    outcome: Outcome | None = None


class Report(Wire):
    """All lanes of one worker in one call; it renews their leases."""

    worker_id: int
    lanes: int | None = Field(default=None, ge=1, le=4096, description="lanes of the batch that trains")
    updates_per_second: float = Field(ge=0)
    backlog_bytes: int = Field(default=0, ge=0, description="what waits for MLflow at this worker")
    backlog_seconds: float = Field(default=0.0, ge=0, description="how long the oldest of it has waited")
    runs: list[RunReport] = Field(max_length=4096)


class Command(Record):
    """What to do with a run: `continue`; `stop` it (cancelled); or `lost`, it belongs to somebody else now.

    `park`: keep its state, free its lane, and give it back by a `Release` once whoever goes on with it can find the
    state. Until then it is reported on as before; a run that ends first just ends. The order is repeated in every
    answer, and cannot be taken back. `prune`: end it now with its last loss.
    """

    run_id: int
    command: Annotated[
        Literal["continue", "stop", "lost", "park", "prune"],
        NewWord("park", since=2, before="continue"),
        NewWord("prune", since=2, before="continue"),
    ]


class Orders(Record):
    """The answer to a report: one command per run, in the order reported."""

    runs: list[Command]
    drain: bool = False


class Held(Wire):
    """A run and the fence under which it is held."""

    run_id: int
    fence: int


class Release(Wire):
    """Give runs back to the queue, so that another worker takes them at once.

    `leaving` ends the registration and gives back whatever this worker holds, also what it never heard of.
    """

    worker_id: int
    runs: list[Held] = Field(max_length=4096)
    leaving: bool = False
