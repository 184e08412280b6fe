"""MLflow as the service uses it: the only module here that imports it, and only the background thread imports this.

Every call has a short deadline and no retry of its own; the reconciler tries again.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from service.wire.retries import MLFLOW_ENVIRONMENT

os.environ.update(MLFLOW_ENVIRONMENT)  # before MLflow is imported: it reads some of it then

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

Ending = Literal["FINISHED", "FAILED", "KILLED"]
RUN_TAG = "rampline.run_id"
_OPEN = ("RUNNING", "SCHEDULED")
_PARAMS_PER_CALL = 100
_LONGEST_PARAM = 6000


class Tracker:
    """A client of one MLflow server. Every method may be repeated, and raises MlflowException while MLflow is away."""

    def __init__(self, url: str) -> None:
        self._client = MlflowClient(tracking_uri=url)

    def experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """The id of the experiment of this name, made if it is new."""
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(name, tags=dict(tags)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self.experiment(name, tags)

    def start_summary(
        self, experiment_id: str, sweep_id: int, *, user: str, tags: Mapping[str, str], spec: Mapping[str, Any]
    ) -> str:
        """The id of the sweep's summary run, made if it is new: its configuration as params and as a file."""
        chosen = f"tags.`rampline.kind` = 'summary' AND tags.`rampline.sweep` = '{sweep_id}'"
        found = self._client.search_runs([experiment_id], filter_string=chosen, max_results=1)
        if found:
            run_id = str(found[0].info.run_id)
        else:
            own = {"rampline.kind": "summary", "rampline.sweep": str(sweep_id), "mlflow.user": user}
            run = self._client.create_run(experiment_id, run_name="summary", tags={**tags, **own})
            run_id = str(run.info.run_id)
        params = [Param(key, value[:_LONGEST_PARAM]) for key, value in flat(spec)]
        for start in range(0, len(params), _PARAMS_PER_CALL):
            self._client.log_batch(run_id, params=params[start : start + _PARAMS_PER_CALL], synchronous=True)
        self._client.log_dict(run_id, dict(spec), "sweep.json")
        return run_id

    def show_state(self, mlflow_run_id: str, state: str, *, waits: bool, spec: Mapping[str, Any] | None) -> None:
        """Let a sweep's summary run say that it has not ended, and in which state it is; `spec` if it has changed."""
        self._client.set_tag(mlflow_run_id, "rampline.state", state)
        self._client.update_run(mlflow_run_id, status="SCHEDULED" if waits else "RUNNING")
        if spec is not None:
            self._client.log_dict(mlflow_run_id, dict(spec), "sweep.json")

    def end_summary(
        self,
        mlflow_run_id: str,
        status: Ending,
        *,
        at_ms: int,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, str],
    ) -> None:
        """Write a sweep's outcome to its summary run, and end it. With the same `at_ms`, repeating doubles nothing."""
        self._client.log_batch(
            mlflow_run_id,
            metrics=[Metric(key, value, at_ms, 0) for key, value in metrics.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
            synchronous=True,
        )
        for name, text in files.items():
            self._client.log_text(mlflow_run_id, text, name)
        self._client.set_terminated(mlflow_run_id, status=status, end_time=at_ms)

    def open_runs(self, experiment_id: str) -> dict[int, list[str]]:
        """The MLflow runs of an experiment that have not ended, by the number of our run."""
        found: dict[int, list[str]] = {}
        for run in self._search_open(experiment_id):
            number = run.data.tags.get(RUN_TAG, "")
            if number.isdigit():
                found.setdefault(int(number), []).append(str(run.info.run_id))
        return found

    def end_run(self, mlflow_run_id: str, status: Ending, outcome: str) -> None:
        """End a run whose worker can no longer do it."""
        self._client.set_tag(mlflow_run_id, "rampline.outcome", outcome)
        self._client.set_terminated(mlflow_run_id, status=status)

    def delete_run(self, mlflow_run_id: str) -> None:
        """Put a run into MLflow's trash."""
        self._client.delete_run(mlflow_run_id)

    def _search_open(self, experiment_id: str) -> Iterator[Run]:
        for status in _OPEN:
            token = None
            while True:
                page = self._client.search_runs(
                    [experiment_id], filter_string=f"attributes.status = '{status}'", page_token=token
                )
                yield from page
                token = page.token
                if not token:
                    break


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested mappings, their names joined by dots; what is None is left out."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", str(value)
