"""A trial as a competent user of another system writes it: a plain PyTorch loop, its metrics logged in batches.

Between two evaluations nothing is sent; then one `log_batch` holds every metric of every update since the last, as
Rampline's charts have them, at a tenth of the requests that a call per update would cost. The rates go into one JSON
artifact at the end. Rampline's records hold more: a picture of the rates, the schedule, and all sequences once more.
"""

import os
import time

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import torch
from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from benchmarks.peers.sweep import EXPERIMENT, Sweep
from worker.lanes.alone import Alone


class Trials:
    """Trains trials one after another, each with a record in MLflow."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._mlflow = MlflowClient(sweep.mlflow_url)
        self._experiment = self._mlflow.get_experiment_by_name(EXPERIMENT).experiment_id

    def train(self, number: int) -> float:
        """Train one configuration; returns its last validation loss."""
        sweep = self._sweep
        alone = Alone(sweep.shape, sweep.plan(number))
        record = self._mlflow.create_run(self._experiment, run_name=f"#{number}").info.run_id
        params = [Param(name, str(value)) for name, value in sweep.schedule(number).items()]
        loss = self._validation(alone)
        self._mlflow.log_batch(record, params=params, metrics=[_metric("val_loss", loss, 0)])
        rates: list[float] = []
        while alone.update < sweep.updates:
            log = alone.advance(min(sweep.eval_every, sweep.updates - alone.update))
            loss = self._validation(alone)
            metrics = [
                _metric(name, float(value), log.first_update + index)
                for name, values in (("lr", log.lr), ("train_loss", log.train_loss), ("grad_norm", log.grad_norm))
                for index, value in enumerate(values)
            ]
            for start in range(0, len(metrics), 999):
                self._mlflow.log_batch(record, metrics=metrics[start : start + 999])
            self._mlflow.log_batch(record, metrics=[_metric("val_loss", loss, alone.update)])
            rates += log.lr.tolist()
        self._mlflow.log_dict(record, {"lr": rates}, "lr.json")
        self._mlflow.set_terminated(record)
        return loss

    @torch.no_grad()
    def _validation(self, alone: Alone) -> float:
        windows_WS = torch.from_numpy(self._sweep.corpus.held_out_windows).long()
        return float(alone.model.loss(windows_WS))


def _metric(name: str, value: float, step: int) -> Metric:
    return Metric(name, value, time.time_ns() // 1_000_000, step)
