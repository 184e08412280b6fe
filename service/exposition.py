"""The database's facts as metrics, read anew at every scrape, so that several server processes say the same."""

import threading
import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from service.domain.metrics import Facts, facts
from service.store.engine import Store

# However many scrape, and however often.
FRESH_SECONDS = 5.0


class FactsCollector(Collector):
    """Metrics from the database, at most `FRESH_SECONDS` old; while it is away, only `rampline_database_up`, then 0."""

    def __init__(self, store: Store, lease_seconds: float, *, tracked: bool) -> None:
        self._store = store
        self._lease_seconds = lease_seconds
        self._tracked = tracked
        self._reading = threading.Lock()
        self._found: Facts | None = None
        self._found_at = float("-inf")

    def describe(self) -> list[Metric]:
        """Nothing: without this, registering would collect, and so need the database."""
        return []

    @override
    def collect(self) -> Iterator[Metric]:
        """The facts, read anew unless somebody has just done so."""
        try:
            found = self._read()
        except SQLAlchemyError:
            yield _gauge("rampline_database_up", "Whether this process reaches its database.", 0)
            return
        yield _gauge("rampline_database_up", "Whether this process reaches its database.", 1)
        yield from _families(found)

    def _read(self) -> Facts:
        with self._reading:
            if self._found is None or time.monotonic() - self._found_at >= FRESH_SECONDS:
                with self._store.read() as session:
                    self._found = facts(session, self._lease_seconds, tracked=self._tracked)
                self._found_at = time.monotonic()
            return self._found


def _families(found: Facts) -> Iterator[Metric]:
    runs = GaugeMetricFamily("rampline_runs", "Runs that wait, are paused or train, by team.", labels=["team", "state"])
    used = GaugeMetricFamily("rampline_lanes_used", "Lanes in which a team's runs train.", labels=["team"])
    for team, load in found.teams.items():
        runs.add_metric([team, "queued"], load.queued_runs)
        runs.add_metric([team, "paused"], load.paused_runs)
        runs.add_metric([team, "running"], load.running_runs)
        used.add_metric([team], load.lanes_used)
    workers = GaugeMetricFamily(
        "rampline_workers", "Workers; one is away that was not heard of for a lease's time.", labels=["state"]
    )
    workers.add_metric(["active"], found.workers.active)
    workers.add_metric(["away"], found.workers.away)
    sweeps = GaugeMetricFamily("rampline_sweeps", "Sweeps by state.", labels=["state"])
    for state, count in found.sweeps.items():
        sweeps.add_metric([state], count)
    unrecorded = GaugeMetricFamily(
        "rampline_unrecorded", "What has ended and is not yet certain to be complete in MLflow.", labels=["kind"]
    )
    unrecorded.add_metric(["run"], found.unrecorded_runs)
    unrecorded.add_metric(["sweep"], found.unrecorded_sweeps)
    yield from (runs, used, workers, sweeps, unrecorded)
    yield _gauge("rampline_lanes_known", "Lanes of the active workers.", found.workers.lanes)
    yield _gauge("rampline_updates_per_second", "Updates of the active workers.", found.workers.updates_per_second)
    yield _gauge("rampline_leases_expired", "Leases that ran out and whose runs wait.", found.expired_leases)
    yield CounterMetricFamily(
        "rampline_lease_expiries", "Leases that ran out and whose runs another worker took.", value=found.lost_leases
    )
    yield _gauge("rampline_untold_trials", "Ended trials of which Optuna was not told yet.", found.untold_trials)
    yield _gauge(
        "rampline_unrecorded_seconds",
        "For how long the first unrecorded run waits.",
        found.unrecorded_for.total_seconds(),
    )


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)
