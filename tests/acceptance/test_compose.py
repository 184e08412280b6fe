"""docker-compose.yml: valid by the compose specification, and its very commands run a sweep on PostgreSQL."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import optuna
import psycopg
import pytest
import yaml

from service.client import Client
from service.wire.views import SweepView
from tests.acceptance.browser import Browser, browsing
from tests.acceptance.composed import BIN, COMPOSE, ROOT, Composed
from tests.acceptance.running import wait_for_end
from tests.acceptance.test_first_sweep import RUNS, SWEEP, TRIALS
from tests.postgres import Postgres
from tests.tracked import Tracked


def test_the_file_is_valid_by_the_compose_specification() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_every_service_restarts_and_no_secret_stands_in_the_file() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    assert all(service["restart"] == "unless-stopped" for service in compose["services"].values())
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            secret = any(word in name for word in ("PASSWORD", "TOKEN"))
            assert not secret or str(value).startswith("/run/secrets/"), name
    assert compose["services"]["worker"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]


def test_every_path_that_the_file_names_is_in_the_tree() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    mounts = [volume for service in services for volume in service.get("volumes", [])]
    named = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    named += [service["build"]["dockerfile"] for service in services if "build" in service]
    assert len(named) > 4
    for path in named:
        assert (ROOT / path).exists(), path


def test_only_the_service_is_reached_from_outside_and_workers_reach_nothing_else() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    networks = {name: set(service["networks"]) for name, service in compose["services"].items()}
    assert compose["networks"]["inside"] == {"internal": True}
    assert {name for name, service in compose["services"].items() if "ports" in service} == {"service"}
    assert {name for name, joined in networks.items() if "outside" in joined} == {"service", "worker", "worker-cpu"}
    assert networks["worker"] == networks["worker-cpu"] == {"outside"}
    assert compose["services"]["service"]["ports"][0].startswith("127.0.0.1:")


@pytest.fixture(scope="module")
def composed(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with Composed.running(tmp_path_factory.mktemp("compose"), postgres) as composed:
        yield composed


@pytest.fixture(scope="module")
def client(composed: Composed) -> Iterator[Client]:
    with Client(composed.url, composed.secret("admin_token")) as client:
        yield client


@pytest.fixture(scope="module")
def ended(client: Client) -> SweepView:
    return wait_for_end(client, client.submit(SWEEP | {"name": "composed"}).id)


def test_a_sweep_runs_to_its_end_on_postgresql(ended: SweepView) -> None:
    assert ended.state == "completed"
    assert ended.progress.runs["completed"] == RUNS


def test_mlflow_and_optuna_hold_it_in_their_own_schemas(
    composed: Composed, postgres: Postgres, client: Client, ended: SweepView
) -> None:
    mlflow = Tracked(f"{composed.url}/mlflow", composed.secret("admin_token"))
    experiment = mlflow.experiment(f"{ended.team}/composed #{ended.id}")["experiment_id"]
    deadline = time.monotonic() + 30
    while len([run for run in mlflow.runs(experiment) if run["info"]["status"] == "FINISHED"]) < RUNS + 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    url = postgres.url("rampline").replace("postgresql://", "postgresql+psycopg://")
    storage = optuna.storages.RDBStorage(f"{url}?options=-csearch_path%3Doptuna")
    (name,) = [name for name in optuna.get_all_study_names(storage) if name.endswith(f"#{ended.id}")]
    told = {
        trial.user_attrs["trial"]: trial.value for trial in optuna.load_study(study_name=name, storage=storage).trials
    }
    storage.engine.dispose()
    assert told == {trial.number: trial.value for trial in client.all_trials(ended.id)}
    assert len(told) == TRIALS
    with psycopg.connect(postgres.url("rampline")) as connection:
        rows = connection.execute(
            "SELECT table_schema, count(*) FROM information_schema.tables "
            "WHERE table_name LIKE '%alembic_version%' GROUP BY table_schema"
        ).fetchall()
    assert dict(rows) == {"rampline": 1, "optuna": 1, "mlflow": 1}


def test_workers_log_through_the_service_and_show_their_token_to_nobody_else(composed: Composed) -> None:
    worker = composed.processes["worker-cpu"]
    seen = b"".join(Path(f"/proc/{worker.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert b"worker" in seen
    assert str(composed.ports["mlflow"]).encode() not in seen
    assert composed.secret("worker_token").encode() not in seen
    for path in ("", "/api/2.0/mlflow/experiments/search?max_results=9"):
        assert httpx.get(f"{composed.url}/mlflow{path}").status_code == 401


def test_optunas_dashboard_shows_an_admin_the_study(composed: Composed, ended: SweepView) -> None:
    headers = {"Authorization": f"Bearer {composed.secret('admin_token')}"}
    with httpx.Client(base_url=composed.url, headers=headers) as admin:
        assert admin.get("/optuna", headers={"Accept": "text/html"}).headers["location"] == "/dashboard"
        (study,) = [
            one
            for one in admin.get("/api/studies").raise_for_status().json()["study_summaries"]
            if one["study_name"].endswith(f"#{ended.id}")
        ]
        shown = admin.get(f"/api/studies/{study['study_id']}").raise_for_status().json()
        assert {trial["state"] for trial in shown["trials"]} == {"Complete"}
        assert len(shown["trials"]) == TRIALS
        assert admin.delete(f"/api/studies/{study['study_id']}").status_code == 403
    worker = {"Authorization": f"Bearer {composed.secret('worker_token')}"}
    assert httpx.get(f"{composed.url}/api/studies", headers=worker).status_code == 403


# What a page asks for and is refused to all but admins, or has no answer without MLflow's own users; and what the
# browser remarks on the pages' way of drawing.
KNOWN_COMPLAINTS = ("users/current", "mlflow/assistant/", "mlflow/gateway-proxy", "ResizeObserver")


@pytest.fixture
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


def test_the_secrets_are_random_private_and_never_replaced(composed: Composed) -> None:
    secrets = composed.directory / "secrets"
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o600}
    contents = [file.read_text() for file in secrets.iterdir()]
    assert len(set(contents)) == len(contents) == 4
    again = subprocess.run(["sh", "deploy/secrets.sh"], cwd=composed.directory, capture_output=True, check=False)
    assert again.returncode != 0
    assert [file.read_text() for file in secrets.iterdir()] == contents


def open_as(browser: Browser, address: str, token: str) -> None:
    """Open a page behind the login, and log in."""
    browser.page.goto(address)
    browser.page.get_by_label("Token").fill(token)
    browser.page.get_by_role("button", name="Log in").click()


def test_a_browser_logs_in_and_sees_the_teams_runs_and_their_rates(
    composed: Composed, client: Client, ended: SweepView, browser: Browser
) -> None:
    page, address = browser.page, str(client.sweep(ended.id).mlflow_url)
    assert address.startswith(f"{composed.url}/mlflow/#/experiments/")
    open_as(browser, address, "of nobody")
    page.get_by_role("alert").get_by_text("the token is not known").wait_for()
    assert page.url.startswith(f"{composed.url}/login")
    browser.complaints.clear()  # the browser writes down that a login was refused

    open_as(browser, address, composed.person(ended.team, "viewer"))
    page.wait_for_url(address)
    page.get_by_text(f"{RUNS + 1} matching runs").wait_for()
    page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for()
    assert page.get_by_text("lr", exact=True).first.is_visible()
    assert page.evaluate("document.cookie") == ""
    assert [one for one in browser.complaints if not any(known in one for known in KNOWN_COMPLAINTS)] == []
    assert {url for url in browser.asked if not url.startswith((composed.url, "blob:", "data:"))} == set()

    page.goto(f"{composed.url}/login")
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Token").wait_for()
    open_as(browser, address, composed.person("strangers", "member"))
    page.get_by_text("Requested experiment was not found").wait_for()
    assert not page.get_by_text("matching runs").is_visible()
