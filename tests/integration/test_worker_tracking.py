"""The worker's records in a real MLflow: complete, in order, once, also when MLflow is away for a while."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.wire.protocol import Lease
from service.wire.sweep import Model, Optimizer
from tests.mlflow_server import MlflowServer
from tests.tracked import Tracked, params_of, tags_of
from tests.waiting import wait_until
from worker.bell import Bell
from worker.history import History
from worker.lanes.log import StepLog
from worker.spool import Backlog
from worker.tracking import Ending, RecordError, Tracker, recorded_history

UPDATES = 60
_run_ids = iter(range(1, 1_000))


def lease(run_id: int, attempt: int = 1) -> Lease:
    return Lease(
        run_id=run_id,
        fence=attempt,
        attempt=attempt,
        shape="shape",
        experiment="team/tracked #1",
        team="team",
        user="ann",
        sweep_id=1,
        sweep_name="tracked",
        trial=3,
        replicate=0,
        seed=7,
        schedule={"type": "linear", "total_steps": UPDATES, "warmup_steps": 10, "peak_lr": 1e-3},
        model=Model(),
        optimizer=Optimizer(),
        corpus="0" * 64,
        corpus_name="shakespeare",
        batch_size=16,
        val_windows=8,
        eval_every=UPDATES,
    )


def stretch(first: int, updates: int) -> StepLog:
    numbers = np.arange(first, first + updates, dtype=np.float64)
    losses = (1 / numbers).astype(np.float32)
    return StepLog(first_update=first, lr=numbers * 1e-3, train_loss=losses, grad_norm=losses)


def opened(url: str, directory: Path, worker: str = "w", limit: int = 2**30) -> Tracker:
    return Tracker(
        url, worker=worker, device="cpu", bell=Bell(), directory=directory / "spool", limit=limit, flush_seconds=0.1
    )


class Record:
    """A run whose record a tracker keeps."""

    def __init__(self, tracker: Tracker, attempt: int = 1, run_id: int | None = None) -> None:
        self.tracker = tracker
        self.run_id = run_id or next(_run_ids)
        self.history = History(total_steps=UPDATES)
        self.created: list[str] = []
        self.closed = threading.Event()
        tracker.start(lease(self.run_id, attempt), self.created.append)

    def train(self, first: int, updates: int) -> None:
        self.tracker.add(self.run_id, self.history.add_updates(stretch(first, updates)))

    def finish(self) -> None:
        ending = Ending(status="FINISHED", outcome="completed", history=self.history, on_closed=self.closed.set)
        self.tracker.finish(self.run_id, ending)


@pytest.fixture
def tracker(mlflow_server: MlflowServer, tmp_path: Path) -> Iterator[Tracker]:
    tracker = opened(mlflow_server.url, tmp_path)
    yield tracker
    tracker.close(10)


def runs_of(mlflow: Tracked, run_id: int) -> list[dict[str, Any]]:
    experiment = mlflow.experiment("team/tracked #1")["experiment_id"]
    return [run for run in mlflow.runs(experiment) if tags_of(run)["rampline.run_id"] == str(run_id)]


def test_a_finished_record_is_complete(tracker: Tracker, mlflow_server: MlflowServer) -> None:
    record = Record(tracker)
    record.train(1, 40)
    record.train(41, 20)
    record.finish()
    assert record.closed.wait(60)
    mlflow = Tracked(mlflow_server.url)
    (run,) = runs_of(mlflow, record.run_id)
    assert run["info"]["status"] == "FINISHED"
    assert params_of(run)["peak_lr"] == "0.001"
    assert params_of(run)["seed"] == "7"
    assert tags_of(run)["mlflow.user"] == "ann"
    (run_id,) = record.created
    assert mlflow.history(run_id, "lr") == [(step, step * 1e-3) for step in range(1, UPDATES + 1)]
    assert [step for step, _ in mlflow.history(run_id, "grad_norm")] == list(range(1, UPDATES + 1))
    assert mlflow.artifacts(run_id) == {"history.json.gz", "lr.json", "lr.svg", "schedule.json"}


def test_of_an_attempt_that_was_lost_not_even_a_complete_record_stays(
    tracker: Tracker, mlflow_server: MlflowServer
) -> None:
    record = Record(tracker)
    record.train(1, UPDATES)
    record.finish()
    assert record.closed.wait(60)
    again = Record(tracker, attempt=2, run_id=next(_run_ids))
    tracker.forget(lease(record.run_id), record.created[0])
    tracker.forget(lease(again.run_id), None)  # of its first attempt, here too
    mlflow = Tracked(mlflow_server.url)
    wait_until(lambda: runs_of(mlflow, record.run_id) == [])
    again.train(1, UPDATES)
    again.finish()
    assert again.closed.wait(60)
    assert len(runs_of(mlflow, again.run_id)) == 1


def test_a_run_that_diverged_at_its_first_update_has_a_complete_record(
    tracker: Tracker, mlflow_server: MlflowServer
) -> None:
    record = Record(tracker)
    record.finish()
    assert record.closed.wait(60)
    assert "lr.svg" in Tracked(mlflow_server.url).artifacts(record.created[0])


def test_while_mlflow_is_away_nothing_blocks_and_nothing_is_lost_or_doubled(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    tracker = opened(mlflow_server.url, tmp_path, limit=2_000)
    record = Record(tracker)
    record.train(1, 20)
    mlflow = Tracked(mlflow_server.url)
    wait_until(lambda: bool(record.created) and len(mlflow.history(record.created[0], "lr")) == 20)
    mlflow_server.kill()
    started = Record(tracker)
    record.train(21, 20)
    started.train(1, UPDATES)
    record.train(41, 20)
    record.finish()
    started.finish()
    wait_until(lambda: not record.history.lr and not started.history.lr)  # it is on disk now, and not in memory
    files = [file for file in (tmp_path / "spool").glob("worker-*/*") if file.name != "lock"]
    backlog = tracker.backlog()
    assert sum(file.stat().st_size for file in files) == backlog.size > 2_000
    assert backlog.seconds > 0
    assert tracker.full
    assert not record.closed.is_set()
    mlflow_server.start()
    assert record.closed.wait(60)
    assert started.closed.wait(60)
    assert tracker.backlog() == Backlog(0, 0.0)
    assert not tracker.full
    assert not any(file.exists() for file in files)
    for one in (record, started):
        (run,) = runs_of(mlflow, one.run_id)
        (run_id,) = one.created
        assert run["info"]["run_id"] == run_id
        assert mlflow.history(run_id, "lr") == [(step, step * 1e-3) for step in range(1, UPDATES + 1)]
        kept = httpx.get(f"{mlflow_server.url}/get-artifact", params={"run_id": run_id, "path": "history.json.gz"})
        assert len(json.loads(gzip.decompress(kept.content))["train_loss"]) == UPDATES
    tracker.close(10)
    assert list((tmp_path / "spool").glob("worker-*")) == []


def test_a_later_attempt_replaces_the_record_and_the_stale_worker_cannot_write(
    tracker: Tracker, mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    stale = Record(tracker)
    stale.train(1, 20)
    mlflow = Tracked(mlflow_server.url)
    wait_until(lambda: bool(stale.created))
    other = opened(mlflow_server.url, tmp_path, worker="w2")
    taken = Record(other, attempt=2, run_id=stale.run_id)
    taken.train(1, UPDATES)
    taken.finish()
    assert taken.closed.wait(60)
    stale.train(21, 20)
    stale.finish()
    assert stale.closed.wait(60), "a record that MLflow refuses for good does not hold up the worker"
    (run,) = runs_of(mlflow, stale.run_id)
    assert run["info"]["run_id"] == taken.created[0]
    assert len(mlflow.history(taken.created[0], "lr")) == UPDATES
    assert len(mlflow.history(stale.created[0], "lr")) <= 20
    other.close(10)


def test_a_record_that_a_person_deletes_neither_stops_training_nor_holds_up_its_end(
    tracker: Tracker, mlflow_server: MlflowServer
) -> None:
    record = Record(tracker)
    record.train(1, 20)
    wait_until(lambda: bool(record.created))
    url = f"{mlflow_server.url}/api/2.0/mlflow/runs/delete"
    httpx.post(url, json={"run_id": record.created[0]}).raise_for_status()
    record.train(21, 20)
    time.sleep(1.0)  # several flushes, so that the refusal comes before what follows
    record.train(41, 20)
    record.finish()
    assert record.closed.wait(60)


def test_a_run_that_goes_back_to_the_queue_is_scheduled_not_running(
    tracker: Tracker, mlflow_server: MlflowServer
) -> None:
    record = Record(tracker)
    record.train(1, 20)
    ending = Ending(status="SCHEDULED", outcome="evicted", history=record.history, on_closed=record.closed.set)
    tracker.finish(record.run_id, ending)
    assert record.closed.wait(60)
    (run,) = runs_of(Tracked(mlflow_server.url), record.run_id)
    assert run["info"]["status"] == "SCHEDULED"
    assert tags_of(run)["rampline.outcome"] == "evicted"


def test_closing_gives_up_after_its_time_when_mlflow_stays_away(tmp_path: Path) -> None:
    tracker = opened("http://127.0.0.1:9", tmp_path)
    record = Record(tracker)
    record.finish()
    assert tracker.close(0.5) == 1
    assert not record.closed.is_set()


def test_an_ended_run_s_history_is_read_back_as_it_was_kept(mlflow_server: MlflowServer, tracker: Tracker) -> None:
    record = Record(tracker)
    record.train(1, UPDATES)
    record.finish()
    assert record.closed.wait(30)
    assert History.read(recorded_history(mlflow_server.url, record.created[0]), total_steps=UPDATES) == record.history


def test_a_record_that_cannot_be_read_is_told_why(mlflow_server: MlflowServer, tracker: Tracker) -> None:
    record = Record(tracker)
    wait_until(lambda: bool(record.created))
    with pytest.raises(RecordError, match=r"has no history\.json\.gz"):
        recorded_history(mlflow_server.url, record.created[0])
    with pytest.raises(RecordError, match="has no record ffff"):
        recorded_history(mlflow_server.url, "f" * 32)
    with pytest.raises(RecordError, match=r"MLflow does not answer at http://127\.0\.0\.1:9"):
        recorded_history("http://127.0.0.1:9", record.created[0])
    tracker.forget(lease(record.run_id))
