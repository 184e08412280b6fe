"""A fleet on a real Ray, with a GPU that is only declared; `make chaos-fleet` kills everything else, too."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra ray is not installed: pip install 'rampline[ray]'")

from tests.chaos.ray_cluster import RayCluster
from tests.chaos.ray_faults import faults, play, wait_until_all_is_given_back

UPDATES = 600


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A service, a fleet and a Ray cluster; at the end, nothing of it is left."""
    directory = Path(tempfile.mkdtemp(prefix="rl-"))  # short: Ray makes sockets below it
    started = RayCluster(directory)
    try:
        started.start("a")
        yield started
    finally:
        left = started.stop()
    assert left == {}
    shutil.rmtree(directory)


@pytest.mark.timeout(600)
def test_every_trial_has_one_result_although_the_fleets_process_and_a_worker_die(cluster: RayCluster) -> None:
    (fault,) = (one for one in faults() if one.name == "the fleet's process and a worker's killed")
    row = play(cluster, fault, UPDATES)
    assert row.wrong == []
    assert row.displaced > 0


@pytest.mark.timeout(600)
def test_workers_leave_when_nothing_is_queued(cluster: RayCluster) -> None:
    wait_until_all_is_given_back(cluster)
    assert {node["state"] for node in cluster.status()["nodes"]} == {"alive"}


@pytest.mark.timeout(600)
def test_no_token_is_in_what_ray_writes_down_or_in_a_list_of_processes(cluster: RayCluster) -> None:
    secrets = [(cluster.directory / name).read_text() for name in ("worker", "ray-token")]
    files = [path for path in (cluster.directory / "ray").rglob("*") if path.is_file() and not path.is_symlink()]
    assert any("worker" in path.name for path in files), "Ray's logs are here"
    for secret in secrets:
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
        commands = [command for machine in cluster.machines.values() for command in machine.processes().values()]
        assert [command for command in commands if secret in command] == []


@pytest.mark.timeout(600)
def test_nobody_is_let_in_without_the_clusters_token(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("0" * 64)
    monkeypatch.setitem(cluster.environment, "RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(AssertionError, match="no Ray cluster lets this process in"):
        cluster.status()


@pytest.mark.timeout(600)
def test_the_head_is_not_drained(cluster: RayCluster) -> None:
    with pytest.raises(AssertionError, match="this node is the head"):
        cluster.command("drain", "head")


@pytest.mark.timeout(600)
def test_down_ends_the_fleets_process(cluster: RayCluster) -> None:
    cluster.fleet.wanted = False
    assert "is down" in cluster.command("down")
    cluster.fleet.wait()
    assert not cluster.fleet.alive
