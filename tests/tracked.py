"""What MLflow holds, read through its REST API without MLflow's own client."""

from typing import Any

import httpx


class Tracked:
    """One MLflow server."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = f"{url}/api/2.0/mlflow"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def experiment(self, name: str) -> dict[str, Any]:
        answer = httpx.get(
            f"{self._url}/experiments/get-by-name", headers=self._headers, params={"experiment_name": name}
        ).raise_for_status()
        return dict(answer.json()["experiment"])

    def runs(self, experiment_id: str, *, view: str = "ACTIVE_ONLY") -> list[dict[str, Any]]:
        body = {"experiment_ids": [experiment_id], "max_results": 1000, "run_view_type": view}
        return list(
            httpx.post(f"{self._url}/runs/search", headers=self._headers, json=body)
            .raise_for_status()
            .json()
            .get("runs", [])
        )

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """The points of a metric as (step, value), in the order of steps."""
        params: dict[str, str | int] = {"run_id": run_id, "metric_key": key, "max_results": 10_000}
        metrics = (
            httpx.get(f"{self._url}/metrics/get-history", headers=self._headers, params=params)
            .raise_for_status()
            .json()
            .get("metrics", [])
        )
        return sorted((int(point["step"]), float(point["value"])) for point in metrics)

    def histories(self, run_ids: list[str], key: str) -> dict[str, list[tuple[int, float]]]:
        """The points of a metric of up to 100 runs with 25,000 points together, as the user interface asks for them."""
        found: dict[str, list[tuple[int, float]]] = {run_id: [] for run_id in run_ids}
        if run_ids:
            url = self._url.replace("/api/", "/ajax-api/")
            params: dict[str, Any] = {"run_id": run_ids, "metric_key": key, "max_results": 25_000}
            answer = httpx.get(
                f"{url}/metrics/get-history-bulk", headers=self._headers, params=params
            ).raise_for_status()
            for point in answer.json().get("metrics", []):
                found[point["run_id"]].append((int(point["step"]), float(point["value"])))
        return {run_id: sorted(points) for run_id, points in found.items()}

    def artifacts(self, run_id: str) -> set[str]:
        answer = (
            httpx.get(f"{self._url}/artifacts/list", headers=self._headers, params={"run_id": run_id})
            .raise_for_status()
            .json()
        )
        return {str(file["path"]) for file in answer.get("files", [])}


def tags_of(run: dict[str, Any]) -> dict[str, str]:
    """A run's tags."""
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def params_of(run: dict[str, Any]) -> dict[str, str]:
    """A run's params."""
    return {param["key"]: param["value"] for param in run["data"].get("params", [])}
