"""Sessions of browsers: begun with a token, kept in a cookie that is of no use elsewhere, dead with the token."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from service.domain import sessions
from service.store import clock
from service.store.tables import BrowserSession, Token
from tests.integration.behind import SECONDS, Behind, behind
from tests.integration.conftest import Database
from tests.integration.serving import TOKENS, Serving, running


@pytest.fixture(scope="module")
def mlflow() -> Iterator[Behind]:
    with behind() as server:
        yield server


@pytest.fixture
def door(database: Database, tmp_path: Path, mlflow: Behind) -> Iterator[Serving]:
    with running(database.url, database.optuna_url, tmp_path, mlflow_url=mlflow.url, mlflow_door=True) as server:
        yield server


@pytest.fixture
def browser(door: Serving) -> Iterator[httpx.Client]:
    """What a browser is, but for its window; it sends what browsers send with a form."""
    with httpx.Client(base_url=door.url, headers={"Origin": door.url}, timeout=SECONDS) as client:
        yield client


def log_in(browser: httpx.Client, token: str, **fields: str) -> httpx.Response:
    return browser.post("/login", data={"token": token, **fields})


def change_token(door: Serving, role: str, **values: Any) -> None:
    with door.parts.store.write() as session:
        session.execute(update(Token).where(Token.digest == door.parts.token_key.digest(TOKENS[role])).values(**values))


def test_a_token_becomes_a_session_that_opens_the_door_and_nothing_else(browser: httpx.Client, door: Serving) -> None:
    answer = log_in(browser, f" {TOKENS['viewer']}\n", next="/mlflow/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/mlflow/")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"rampline=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax", cookie)
    assert TOKENS["viewer"] not in cookie
    assert browser.get("/mlflow/").status_code == 200
    assert "role\nviewer" in browser.get("/login").text
    assert browser.get("/api/v1/sweeps").status_code == 401
    with door.parts.store.read() as session:
        (kept,) = session.scalars(select(BrowserSession)).all()
    assert kept.digest not in cookie
    assert kept.expires_at - kept.created_at == sessions.LASTS


def test_a_session_counts_as_its_token(database: Database, tmp_path: Path, mlflow: Behind) -> None:
    door = running(database.url, database.optuna_url, tmp_path, mlflow_url=mlflow.url, mlflow_door=True, rate=1)
    with door as server, httpx.Client(base_url=server.url, headers={"Origin": server.url}, timeout=SECONDS) as browser:
        assert log_in(browser, TOKENS["viewer"]).status_code == 303
        viewer = server.http("viewer")
        assert {browser.get("/mlflow/").status_code for _ in range(30)} == {200, 429}
        assert 429 in {viewer.get("/schedules").status_code for _ in range(10)}
        assert server.http("member").get("/schedules").status_code == 200


def test_a_token_that_is_not_a_persons_is_refused_with_a_message(browser: httpx.Client) -> None:
    for token, words in (("wrong", "not known"), ("", "not known"), (TOKENS["worker"], "worker&#x27;s token")):
        answer = log_in(browser, token)
        assert answer.status_code in (401, 403)
        assert "set-cookie" not in answer.headers
        assert re.search(rf'role="alert">[^<]*{words}', answer.text)


@pytest.mark.parametrize("end", ["revoked", "expired", "logged out", "too old"])
def test_a_session_is_dead_at_once_when_it_or_its_token_ends(browser: httpx.Client, door: Serving, end: str) -> None:
    log_in(browser, TOKENS["member"])
    assert browser.get("/mlflow/").status_code == 200
    kept = browser.cookies["rampline"]
    with door.parts.store.read() as session:
        now = clock.now(session)
    match end:
        case "revoked":
            change_token(door, "member", revoked_at=now)
        case "expired":
            change_token(door, "member", expires_at=now - timedelta(seconds=1))
        case "logged out":
            assert browser.post("/logout").headers["location"] == "/login"
            assert "rampline" not in browser.cookies
        case "too old":
            with door.parts.store.write() as session:
                session.execute(update(BrowserSession).values(expires_at=now - timedelta(seconds=1)))
    answer = httpx.get(f"{door.url}/mlflow/", cookies={"rampline": kept})
    assert answer.status_code == 401
    change_token(door, "member", revoked_at=None, expires_at=None)


def test_sessions_that_have_ended_are_removed_when_another_begins(browser: httpx.Client, door: Serving) -> None:
    log_in(browser, TOKENS["member"])
    with door.parts.store.write() as session:
        session.execute(update(BrowserSession).values(expires_at=clock.now(session)))
    log_in(browser, TOKENS["viewer"])
    with door.parts.store.read() as session:
        assert len(session.scalars(select(BrowserSession)).all()) == 1


def test_a_page_of_another_site_changes_nothing(browser: httpx.Client, door: Serving, mlflow: Behind) -> None:
    log_in(browser, TOKENS["admin"])
    cookies = {"rampline": browser.cookies["rampline"]}
    mlflow.arrived.clear()
    evil: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ]
    for headers in [*evil, {}]:
        for path in ("/mlflow/api/2.0/mlflow/runs/delete", "/logout"):
            answer = httpx.post(door.url + path, json={}, headers=headers, cookies=cookies)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), headers
    for headers in evil:
        answer = httpx.post(f"{door.url}/login", data={"token": TOKENS["stranger"]}, headers=headers)
        assert answer.status_code == 403, headers
    assert not [one for one in mlflow.arrived if one.method == "POST" and "x-forwarded-prefix" in one.headers]
    same = httpx.post(f"{door.url}/mlflow/x", headers={"Sec-Fetch-Site": "same-origin"}, cookies=cookies)
    assert same.status_code == 200


def test_a_link_on_another_site_opens_a_page_and_its_scripts_read_nothing(
    browser: httpx.Client, mlflow: Behind
) -> None:
    log_in(browser, TOKENS["viewer"])
    site = {"Sec-Fetch-Site": "cross-site"}
    assert browser.get("/mlflow/", headers=site | {"Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert browser.get("/mlflow/version", headers=site | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403


def test_a_login_leads_to_no_page_but_those_behind_the_door(browser: httpx.Client) -> None:
    evil = (
        "https://evil.example/",
        "//evil.example",
        "/mlflow/../x",
        "/api/v1/sweeps",
        "/mlflow@evil",
        "/mlflow/\\x",
        "",
    )
    for wanted in evil:
        assert log_in(browser, TOKENS["viewer"], next=wanted).headers["location"] == "/mlflow/", wanted


def test_the_login_page_shows_what_it_was_given_as_text_and_loads_nothing(browser: httpx.Client) -> None:
    page = browser.get("/login", params={"next": '/mlflow/"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text
    assert re.findall(r'(?:src|href|url\()="?([^"]+)"', page.text) == ["data:,"]
    assert '<label for="token">' in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert (page.headers["cache-control"], page.headers["x-frame-options"]) == ("no-store", "DENY")
