"""Who is waited for goes first: others step aside meanwhile, for a bounded time."""

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import StaticPool
from starlette.types import Message, Receive, Scope, Send

from service.api.people import PeopleFirst
from service.courtesy import Courtesy, stepping_aside
from tests.waiting import wait_until

_LONG = 30.0


@pytest.fixture
def courtesy() -> Courtesy:
    return Courtesy()


@pytest.fixture
def asked() -> threading.Event:
    """Set as soon as a statement is about to be made, before it may wait."""
    return threading.Event()


@pytest.fixture
def engine(courtesy: Courtesy, asked: threading.Event) -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    event.listen(engine, "before_cursor_execute", lambda *_: asked.set())
    courtesy.listen(engine)
    return engine


def _one(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT 1")).scalar_one())


def test_a_statement_waits_until_the_page_is_made(courtesy: Courtesy, engine: Engine, asked: threading.Event) -> None:
    order = []

    def work() -> None:
        with stepping_aside(_LONG):
            _one(engine)
        order.append("worker")

    worker = threading.Thread(target=work)
    with courtesy.urgent(), courtesy.urgent():
        worker.start()
        assert asked.wait(_LONG)
        wait_until(lambda: courtesy.waiting == 1)
        order.append("person")
    worker.join(_LONG)
    assert order == ["person", "worker"]


def test_patience_ends(courtesy: Courtesy, engine: Engine) -> None:
    with courtesy.urgent(), stepping_aside(0.01):
        assert [_one(engine) for _ in range(3)] == [1, 1, 1]
        assert courtesy.is_wanted


def test_who_does_not_step_aside_waits_for_nobody(courtesy: Courtesy, engine: Engine) -> None:
    with stepping_aside(_LONG):
        pass
    with courtesy.urgent():
        assert _one(engine) == 1


@pytest.mark.parametrize(
    ("method", "path", "is_page"),
    [
        ("GET", "/api/v1/sweeps", True),
        ("GET", "/api/v1/metrics", True),
        ("POST", "/api/v1/leases/claim", False),
        ("GET", "/api/v1/health/ready", False),
        ("GET", "/api/v1/states/abc", False),
        ("GET", "/mlflow/", False),
    ],
)
@pytest.mark.parametrize("fails", [False, True], ids=["answered", "failed"])
def test_a_page_is_being_made_until_its_answer_begins(
    courtesy: Courtesy, method: str, path: str, *, is_page: bool, fails: bool
) -> None:
    seen = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(courtesy.is_wanted)
        if fails:
            raise ConnectionError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(courtesy.is_wanted)  # a stream goes on for hours

    async def nothing() -> Message:
        raise AssertionError

    async def sent(_message: Message) -> None:
        pass

    async def ask() -> Any:
        await PeopleFirst(app, courtesy)({"type": "http", "method": method, "path": path}, nothing, sent)

    if fails:
        with pytest.raises(ConnectionError):
            asyncio.run(ask())
    else:
        asyncio.run(ask())
    assert seen == ([is_page] if fails else [is_page, False])
    assert not courtesy.is_wanted
