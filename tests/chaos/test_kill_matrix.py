"""The short kill matrix: every part is killed once on each database, and what else goes wrong in a data centre."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.chaos import sweeps
from tests.chaos.checks import Control
from tests.chaos.cluster import Cluster
from tests.chaos.databases import DatabaseUnderTest, PostgresServer, SqliteFile
from tests.chaos.faults import SHORT, faults
from tests.chaos.rounds import Row, play
from tests.chaos.siege import Strike
from tests.chaos.table import markdown

SEED = 5
UPDATES = 200
LEASE_SECONDS = 5.0
LATEST_MOMENT = 0.4


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The product on one kind of database, for one sweep after another; at the end, nothing of it is left."""
    directory: Path = tmp_path_factory.mktemp("chaos")
    database: DatabaseUnderTest = SqliteFile(directory / "data") if request.param == "sqlite" else PostgresServer()
    started = Cluster(directory, database, lease_seconds=LEASE_SECONDS)
    try:
        started.start()
        yield started
    finally:
        left = started.stop()
    assert left == {}


@pytest.fixture(scope="module")
def controls() -> dict[str, Control]:
    """What each configuration comes to in a sweep that nobody disturbs, kept for the second database."""
    return {}


@pytest.fixture
def control(cluster: Cluster, controls: dict[str, Control]) -> Control:
    """What each configuration comes to undisturbed."""
    if "control" not in controls:
        row, evidence = play(cluster, sweeps.grid(UPDATES), [], Random(SEED), None)
        assert row.wrong == []
        controls["control"] = evidence.results()
    return controls["control"]


def disturb(cluster: Cluster, control: Control, spec: dict[str, object], *names: str) -> Row:
    available = faults(cluster, SHORT)
    random = Random(f"{SEED} {cluster.database.kind} {names}")
    chosen = [available[name] for name in names if name in available]
    strikes = [Strike(fault, (n + random.random()) * LATEST_MOMENT / len(chosen)) for n, fault in enumerate(chosen)]
    row, _ = play(cluster, spec, strikes, random, control)
    print(markdown([row]))
    return row


@pytest.mark.timeout(600)
def test_six_of_the_configurations_diverge(control: Control) -> None:
    assert [result["state"] for result in control.values()].count("diverged") == 6


@pytest.mark.timeout(600)
def test_every_part_may_be_killed_in_one_sweep(cluster: Cluster, control: Control) -> None:
    kills = ["worker killed", "service killed", "MLflow killed", "database killed"]
    row = disturb(cluster, control, sweeps.grid(UPDATES), *kills)
    assert row.wrong == [], f"seed {SEED}"
    assert set(kills) - set(row.faults) <= {"database killed"}, "only a file cannot be killed"


@pytest.mark.timeout(600)
def test_every_part_may_be_away_stopped_or_cut_off_in_one_sweep(cluster: Cluster, control: Control) -> None:
    absences = ["worker stopped beyond its lease", "network cut", "database away", "disk full at the worker"]
    row = disturb(cluster, control, sweeps.tpe(UPDATES, SEED), *absences)
    assert row.wrong == [], f"seed {SEED}"
    assert set(absences) - set(row.faults) <= {"database away"}, "only a file is always there"
