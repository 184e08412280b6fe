"""MLflow, off the training path: a thread that sends each run's points in batches and closes its record.

One MLflow run is the record of one attempt. A worker that takes a run over deletes what an earlier attempt left and
writes its own: MLflow refuses writes to a deleted run, so a stale worker cannot add to what people see.
"""

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from service.wire.retries import MLFLOW_ENVIRONMENT, Backoff

os.environ.update(MLFLOW_ENVIRONMENT)  # before MLflow is imported: it reads some of it then

import numpy as np
import requests
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from schedules import build
from schedules.sketch import sketch
from service.wire.protocol import Lease
from worker.bell import Bell
from worker.history import History, Point
from worker.labels import about, lease_params, lease_tags, run_name
from worker.spool import Backlog, Sheet, Spool

log = logging.getLogger(__name__)

Status = Literal["FINISHED", "FAILED", "KILLED", "SCHEDULED"]
METRICS_PER_CALL = 1_000
HISTORY = "history.json.gz"
POINTS_IN_MEMORY = 50_000
POINT_BYTES = 64  # about what one takes in memory, and on disk
FINAL = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "BAD_REQUEST"}


@dataclass(kw_only=True)
class Ending:
    """How a record is to be closed, and whom to tell when it is."""

    status: Status
    outcome: str
    history: History
    device_seconds: float = 0.0
    on_closed: Callable[[], None]


@dataclass(kw_only=True)
class Record:
    """The tracking side of one leased run: `pending` comes after what is in the sheet, and waits since `since`."""

    lease: Lease
    on_created: Callable[[str], None]
    sheet: Sheet
    since: float
    mlflow_run_id: str | None = None
    tried: bool = False
    pending: list[Point] = field(default_factory=list)
    ending: Ending | None = None
    refused: bool = False


class RecordError(Exception):
    """A run's record cannot be read; the message says why."""


class Tracker:
    """Takes points without ever blocking, and delivers them in order.

    While MLflow is away, or slower than the training, they wait in files below `directory`, and the history of runs
    that have ended with them. From `limit` bytes on it is `full`: its worker then takes no new runs, while those that
    it has go on to their end. Where the files cannot be written (a full disk), everything waits in memory, and it is
    full at once. `away` says whether MLflow did not answer the last time. MLflow is shown the `token`, if any.
    """

    away = False

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        worker: str,
        device: str,
        bell: Bell,
        directory: Path,
        limit: int = 2**30,
        flush_seconds: float = 2.0,
    ) -> None:
        self._client = _client(url, token)
        self._tags = {"rampline.worker": worker, "rampline.gpu": device, "rampline.code_version": version("rampline")}
        self._flush_seconds = flush_seconds
        self._spool = Spool(directory)
        self._limit = limit
        self._unwritable = False
        self._experiments: dict[str, str] = {}
        self._records: dict[int, Record] = {}
        self._dropped: list[Record] = []
        self._lost: list[str] = []  # MLflow runs
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = bell.thread("tracking", self._deliver)

    def start(self, lease: Lease, on_created: Callable[[str], None]) -> None:
        """Open a record; `on_created` gets the id of its MLflow run once there is one."""
        record = Record(lease=lease, on_created=on_created, sheet=self._spool.sheet(), since=time.monotonic())
        with self._lock:
            self._drop(lease.run_id)
            self._records[lease.run_id] = record
        self._wake.set()

    def add(self, run_id: int, points: list[Point]) -> None:
        """Queue points of a run."""
        with self._lock:
            record = self._records[run_id]
            self._waits(record)
            record.pending += points

    def finish(self, run_id: int, ending: Ending) -> None:
        """Close a record when all its points have arrived; `ending.on_closed` is called after that."""
        with self._lock:
            record = self._records[run_id]
            self._waits(record)
            record.ending = ending
        self._wake.set()

    def forget(self, lease: Lease, mlflow_run_id: str | None = None) -> None:
        """Delete what there is of an attempt, its complete record too: another one has the run, and writes its own."""
        with self._lock:
            record = self._records.get(lease.run_id)
            if record is not None and record.lease.fence == lease.fence:
                self._drop(lease.run_id)
            elif mlflow_run_id is not None:
                self._lost.append(mlflow_run_id)
        self._wake.set()

    def backlog(self) -> Backlog:
        """What has not arrived yet."""
        with self._lock:
            waiting = [record for record in self._records.values() if _is_waiting(record)]
            size = sum(record.sheet.size + POINT_BYTES * len(record.pending) for record in waiting)
            oldest = min((record.since for record in waiting), default=None)
        return Backlog(size, 0.0 if oldest is None else time.monotonic() - oldest)

    @property
    def full(self) -> bool:
        """Whether so much waits that no new run should be begun."""
        return self._unwritable or self.backlog().size >= self._limit

    def close(self, seconds: float) -> int:
        """Deliver what is left, for at most this long; returns how many records stay open."""
        self._closing.set()
        self._wake.set()
        self._thread.join(seconds)
        self._spool.close()
        return len(self._records)

    def _drop(self, run_id: int) -> None:
        record = self._records.pop(run_id, None)
        if record is not None:
            self._dropped.append(record)

    @staticmethod
    def _waits(record: Record) -> None:
        if not _is_waiting(record):
            record.since = time.monotonic()

    def _deliver(self) -> None:
        backoff = Backoff()
        while True:
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            self._clear_away()
            try:
                self._delete_lost()
                self._flush()
                if self.away:
                    log.info("MLflow is back; what waited has been sent", extra={"action": "mlflow.back"})
                self.away = self._unwritable = False
                backoff.reset()
            except (MlflowException, requests.RequestException, OSError) as error:
                if not self.away:
                    log.warning(
                        "MLflow does not answer; training goes on and metrics wait: %s",
                        _first_line(error),
                        extra={"action": "mlflow.away"},
                    )
                self.away = True
                self._spill()
                self._closing.wait(backoff.wait())
            if self._closing.is_set() and (self.away or not self._records):
                return

    def _clear_away(self) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, []
        for record in dropped:
            record.sheet.remove()
            self._lost += [record.mlflow_run_id] if record.mlflow_run_id is not None else []

    def _spill(self) -> None:
        """Put what waits in memory into the spool."""
        try:
            for record in list(self._records.values()):
                with self._lock:
                    points, ending = record.pending[:], record.ending
                if points:
                    record.sheet.add(points)
                    with self._lock:
                        del record.pending[: len(points)]
                if ending is not None and ending.status != "SCHEDULED" and record.sheet.history() is None:
                    record.sheet.keep_history(ending.history.compressed())
                    ending.history.clear()
        except OSError as error:
            if not self._unwritable:
                log.warning("metrics wait in memory, no run begins: %s", error, extra={"action": "spool.unwritable"})
            self._unwritable = True
        else:
            self._unwritable = False

    def _delete_lost(self) -> None:
        """Delete the records of lost attempts: one begun late is not among those that the next attempt deletes."""
        while self._lost:
            try:
                self._client.delete_run(self._lost[0])
            except MlflowException as error:
                if error.error_code not in FINAL:  # deleted already
                    raise
            del self._lost[0]

    def _flush(self) -> None:
        for record in list(self._records.values()):
            if sum(len(record.pending) for record in list(self._records.values())) > POINTS_IN_MEMORY:
                self._spill()
            if self._records.get(record.lease.run_id) is not record:
                continue  # dropped meanwhile
            try:
                self._flush_record(record)
            except MlflowException as error:
                if error.error_code not in FINAL:
                    raise
                log.error(
                    "MLflow refuses the record of run %d, which goes on without it: %s",
                    record.lease.run_id,
                    _first_line(error),
                    extra=about(record.lease, "record.refused"),
                )
                record.refused = True

    def _flush_record(self, record: Record) -> None:
        if record.refused:
            record.sheet.remove()
            with self._lock:
                record.pending.clear()
            if record.ending is not None:
                self._close(record)
            return
        if record.mlflow_run_id is None:
            record.mlflow_run_id = self._create(record)
            if self._records.get(record.lease.run_id) is not record:
                self._lost.append(record.mlflow_run_id)
                return
            record.on_created(record.mlflow_run_id)
        while points := record.sheet.first(METRICS_PER_CALL):
            self._send(record.mlflow_run_id, points)
            record.sheet.arrived()
        began = time.monotonic()
        with self._lock:
            points, ending = record.pending[:], record.ending
        for start in range(0, len(points), METRICS_PER_CALL):
            batch = points[start : start + METRICS_PER_CALL]
            self._send(record.mlflow_run_id, batch)
            with self._lock:
                del record.pending[: len(batch)]
        if ending is not None:
            self._end(record, record.mlflow_run_id, ending)
        with self._lock:
            record.since = max(record.since, began)

    def _send(self, mlflow_run_id: str, points: list[Point]) -> None:
        self._client.log_batch(mlflow_run_id, metrics=[Metric(*point) for point in points], synchronous=True)

    def _create(self, record: Record) -> str:
        lease = record.lease
        experiment = self._experiment(lease.experiment)
        if lease.attempt > 1 or record.tried:
            self._delete_earlier(experiment, lease.run_id)
        record.tried = True
        run = self._client.create_run(
            experiment, run_name=run_name(lease), tags=self._tags | lease_tags(lease) | {"rampline.outcome": "running"}
        )
        params = [Param(key, str(value)) for key, value in lease_params(lease).items()]
        self._client.log_batch(run.info.run_id, params=params, synchronous=True)
        return str(run.info.run_id)

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            found = self._client.get_experiment_by_name(name)
            if found is None:
                try:
                    self._experiments[name] = self._client.create_experiment(name)
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":
                        raise
                    return self._experiment(name)
            else:
                if found.lifecycle_stage == "deleted":
                    self._client.restore_experiment(found.experiment_id)
                self._experiments[name] = found.experiment_id
        return self._experiments[name]

    def _delete_earlier(self, experiment: str, run_id: int) -> None:
        earlier = self._client.search_runs(
            [experiment], filter_string=f"tags.`rampline.run_id` = '{run_id}'", run_view_type=ViewType.ACTIVE_ONLY
        )
        for run in earlier:
            self._client.delete_run(run.info.run_id)

    def _end(self, record: Record, mlflow_run_id: str, ending: Ending) -> None:
        if ending.status == "SCHEDULED":
            self._client.set_tag(mlflow_run_id, "rampline.outcome", ending.outcome)
            self._client.update_run(mlflow_run_id, status="SCHEDULED")
            self._close(record)
            return
        kept = record.sheet.history()
        total_steps = int(record.lease.schedule["total_steps"])
        history = ending.history if kept is None else History.read(kept, total_steps=total_steps)
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            (folder / "schedule.json").write_text(json.dumps(record.lease.schedule, indent=2))
            curves = [("planned", build(record.lease.schedule).lrs())]
            if history.lr:
                curves.append(("applied", np.array(history.lr)))
            (folder / "lr.svg").write_bytes(sketch(curves))
            (folder / "lr.json").write_text(json.dumps({"lr": history.lr}))
            (folder / HISTORY).write_bytes(history.compressed())
            self._client.log_artifacts(mlflow_run_id, directory)
        tags = {
            "rampline.outcome": ending.outcome,
            "rampline.updates_executed": str(history.executed),
            "rampline.device_seconds": f"{ending.device_seconds:.1f}",
        }
        self._client.log_batch(mlflow_run_id, tags=[RunTag(*tag) for tag in tags.items()], synchronous=True)
        self._client.set_terminated(mlflow_run_id, status=ending.status)
        self._close(record)

    def _close(self, record: Record) -> None:
        with self._lock:
            if self._records.get(record.lease.run_id) is record:  # and not that of a later attempt
                del self._records[record.lease.run_id]
            ending = record.ending
        record.sheet.remove()
        if ending is not None:
            ending.on_closed()


def recorded_history(url: str, mlflow_run_id: str, token: str | None = None) -> bytes:
    """The artifact `history.json.gz` of an ended run; `token` is shown to MLflow, if it asks for one.

    Raises:
        RecordError: MLflow does not answer, or it has no such record; the message says which.
    """
    client = _client(url, token)
    try:
        if HISTORY not in {artifact.path for artifact in client.list_artifacts(mlflow_run_id)}:
            raise RecordError(f"its record at {url} has no {HISTORY}: it was removed, or is being written just now")
        with tempfile.TemporaryDirectory() as directory:
            return Path(client.download_artifacts(mlflow_run_id, HISTORY, directory)).read_bytes()
    except (MlflowException, requests.RequestException, OSError) as error:
        if isinstance(error, MlflowException) and error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise RecordError(f"MLflow at {url} has no record {mlflow_run_id} of it") from error
        raise RecordError(f"MLflow does not answer at {url}: {_first_line(error)[:100]}") from error


def _client(url: str, token: str | None) -> MlflowClient:
    """A client of MLflow. Its library takes a token, and the certificates to trust, from this process's environment."""
    if token is not None:
        os.environ["MLFLOW_TRACKING_TOKEN"] = token
        if certificates := os.environ.get("SSL_CERT_FILE"):  # as the line to the service trusts them
            os.environ.setdefault("REQUESTS_CA_BUNDLE", certificates)
    return MlflowClient(tracking_uri=url)


def _is_waiting(record: Record) -> bool:
    return bool(record.pending or record.sheet.size or record.ending is not None or record.mlflow_run_id is None)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
