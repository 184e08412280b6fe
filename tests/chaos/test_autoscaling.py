"""A fleet whose machines come and go by Ray's own autoscaler, which adds processes here instead of machines."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra ray is not installed: pip install 'rampline[ray]'")

from tests.chaos.ray_cluster import RayCluster
from tests.chaos.ray_faults import spec

UPDATES = 60


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    """A service, a fleet and a Ray cluster that has a head alone."""
    directory = Path(tempfile.mkdtemp(prefix="rl-"))  # short: Ray makes sockets below it
    started = RayCluster(directory, autoscaled=True)
    try:
        started.start()
        yield started
    finally:
        left = started.stop()
    assert left == {}
    shutil.rmtree(directory)


def nodes(cluster: RayCluster) -> int:
    return len([node for node in cluster.status()["nodes"] if node["state"] == "alive"])


@pytest.mark.timeout(600)
def test_machines_come_with_the_queue_and_go_with_it(cluster: RayCluster) -> None:
    def waits_for(pool: str) -> str | None:
        return cluster.client.submit(spec(UPDATES) | {"resources": {"label": {"pool": pool}}}).waits_for

    cluster.wait_until(lambda: "looking after" in cluster.fleet.log.read_text(), "the fleet has begun")
    cluster.wait_until(lambda: "POST /fleets 200" in cluster.service.log.read_text(), "the fleet has reported")
    reason = waits_for("b")
    assert reason is not None
    assert "has the label pool=b; there is: GPU pool=a" in reason
    assert nodes(cluster) == 1
    assert waits_for("a") is None
    cluster.wait_until(
        lambda: cluster.client.sweep(2).finished_at is not None, "the sweep that can be served has ended"
    )
    assert cluster.client.sweep(1).progress.runs["queued"] == 12
    cluster.wait_until(lambda: nodes(cluster) == 1, "the machines that were added are gone")
    assert cluster.status()["workers"] == []
