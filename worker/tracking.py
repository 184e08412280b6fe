"""MLflow, off the training path: a thread that sends each run's points in batches and closes its record.

One MLflow run is the record of one attempt. A worker that takes a run over deletes what an earlier attempt left and
writes its own: MLflow refuses writes to a deleted run, so a stale worker cannot add to what people see.
"""

import json
import logging
import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

import numpy as np
import requests
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from schedules import build
from schedules.pictures import plot_rates, rendered
from service.wire.protocol import Lease
from worker.history import History, Point
from worker.link import Backoff

log = logging.getLogger(__name__)

Status = Literal["FINISHED", "FAILED", "KILLED", "SCHEDULED"]
METRICS_PER_CALL = 1_000
FINAL = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "BAD_REQUEST"}


@dataclass(kw_only=True)
class Ending:
    """How a record is to be closed, and whom to tell when it is."""

    status: Status
    outcome: str
    history: History
    on_closed: Callable[[], None]


@dataclass(kw_only=True)
class Record:
    """The tracking side of one leased run."""

    lease: Lease
    on_created: Callable[[str], None]
    mlflow_run_id: str | None = None
    tried: bool = False
    pending: list[Point] = field(default_factory=list)
    ending: Ending | None = None
    refused: bool = False


class Tracker:
    """Takes points without ever blocking, and delivers them in order; while MLflow is away they wait here."""

    def __init__(self, url: str, *, worker: str, device: str, flush_seconds: float = 2.0) -> None:
        self._client = MlflowClient(tracking_uri=url)
        self._tags = {"rampline.worker": worker, "rampline.gpu": device, "rampline.code_version": version("rampline")}
        self._flush_seconds = flush_seconds
        self._experiments: dict[str, str] = {}
        self._records: dict[int, Record] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="tracking", daemon=True)
        self._thread.start()

    def start(self, lease: Lease, on_created: Callable[[str], None]) -> None:
        """Open a record; `on_created` gets the id of its MLflow run once there is one."""
        with self._lock:
            self._records[lease.run_id] = Record(lease=lease, on_created=on_created)
        self._wake.set()

    def add(self, run_id: int, points: list[Point]) -> None:
        """Queue points of a run."""
        with self._lock:
            self._records[run_id].pending += points

    def finish(self, run_id: int, ending: Ending) -> None:
        """Close a record when all its points have arrived; `ending.on_closed` is called after that."""
        with self._lock:
            self._records[run_id].ending = ending
        self._wake.set()

    def forget(self, run_id: int) -> None:
        """Drop what is queued: the run belongs to another worker, which writes its own record."""
        with self._lock:
            self._records.pop(run_id, None)

    def close(self, seconds: float) -> int:
        """Deliver what is left, for at most this long; returns how many records stay open."""
        self._closing.set()
        self._wake.set()
        self._thread.join(seconds)
        return len(self._records)

    def _deliver(self) -> None:
        backoff = Backoff()
        away = False
        while True:
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            try:
                self._flush()
                if away:
                    log.info("MLflow is back; what waited has been sent", extra={"action": "mlflow.back"})
                away = False
                backoff.reset()
            except (MlflowException, requests.RequestException, OSError) as error:
                if not away:
                    log.warning(
                        "MLflow does not answer; training goes on and metrics wait: %s",
                        _first_line(error),
                        extra={"action": "mlflow.away"},
                    )
                away = True
                self._closing.wait(backoff.wait())
            if self._closing.is_set() and (away or not self._records):
                return

    def _flush(self) -> None:
        for record in list(self._records.values()):
            try:
                self._flush_record(record)
            except MlflowException as error:
                if error.error_code not in FINAL:
                    raise
                log.error(
                    "MLflow refuses the record of run %d, which goes on without it: %s",
                    record.lease.run_id,
                    _first_line(error),
                    extra={"action": "record.refused", "run_id": record.lease.run_id},
                )
                record.refused = True

    def _flush_record(self, record: Record) -> None:
        if record.refused:
            with self._lock:
                record.pending.clear()
            if record.ending is not None:
                self._close(record)
            return
        if record.mlflow_run_id is None:
            record.mlflow_run_id = self._create(record)
            record.on_created(record.mlflow_run_id)
        with self._lock:
            points, ending = record.pending[:], record.ending
        for start in range(0, len(points), METRICS_PER_CALL):
            batch = points[start : start + METRICS_PER_CALL]
            self._client.log_batch(record.mlflow_run_id, metrics=[Metric(*point) for point in batch], synchronous=True)
            with self._lock:
                del record.pending[: len(batch)]
        if ending is not None:
            self._end(record, record.mlflow_run_id, ending)

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
            self._client.update_run(mlflow_run_id, status="SCHEDULED")
            self._close(record)
            return
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            (folder / "schedule.json").write_text(json.dumps(record.lease.schedule, indent=2))
            curves = [("planned", build(record.lease.schedule).lrs())]
            if ending.history.lr:
                curves.append(("applied", np.array(ending.history.lr)))
            (folder / "lr.png").write_bytes(rendered(plot_rates(curves, scale="linear"), "png"))
            (folder / "lr.json").write_text(json.dumps({"lr": ending.history.lr}))
            (folder / "history.json.gz").write_bytes(ending.history.compressed())
            self._client.log_artifacts(mlflow_run_id, directory)
        tags = {"rampline.outcome": ending.outcome, "rampline.updates_executed": str(ending.history.executed)}
        self._client.log_batch(mlflow_run_id, tags=[RunTag(*tag) for tag in tags.items()], synchronous=True)
        self._client.set_terminated(mlflow_run_id, status=ending.status)
        self._close(record)

    def _close(self, record: Record) -> None:
        with self._lock:
            if self._records.get(record.lease.run_id) is record:  # and not that of a later attempt
                del self._records[record.lease.run_id]
            ending = record.ending
        if ending is not None:
            ending.on_closed()


def run_name(lease: Lease) -> str:
    """A name for people: trial, schedule type, warmup, peak, seed."""
    schedule = lease.schedule
    parts = [f"#{lease.trial}", str(schedule["type"]), f"w{schedule.get('warmup_steps', 0)}"]
    if "peak_lr" in schedule:
        parts.append(f"p{schedule['peak_lr']:.2e}")
    return " ".join([*parts, f"s{lease.seed}"])


def lease_params(lease: Lease) -> dict[str, Any]:
    """Every field of the configuration, flat; the schedule's own fields stand at the top, its type as `schedule`."""
    own = {"schedule" if key == "type" else key: value for key, value in lease.schedule.items()}
    model = {f"model.{key}": value for key, value in lease.model.model_dump().items()}
    optimizer = {f"optimizer.{key}": value for key, value in lease.optimizer.model_dump().items()}
    data = {
        "data.corpus": lease.corpus_name,
        "data.digest": lease.corpus,
        "data.batch_size": lease.batch_size,
        "data.val_windows": lease.val_windows,
    }
    return own | model | optimizer | data | {"seed": lease.seed, "eval_every": lease.eval_every}


def lease_tags(lease: Lease) -> dict[str, str]:
    """What people filter by."""
    return {
        "mlflow.user": lease.user,
        "mlflow.source.name": "rampline",
        "rampline.kind": "run",
        "rampline.run_id": str(lease.run_id),
        "rampline.attempt": str(lease.attempt),
        "rampline.sweep": str(lease.sweep_id),
        "rampline.sweep_name": lease.sweep_name,
        "rampline.trial": str(lease.trial),
        "rampline.replicate": str(lease.replicate),
        "rampline.team": lease.team,
        "rampline.user": lease.user,
        "rampline.schedule": str(lease.schedule["type"]),
    }


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
