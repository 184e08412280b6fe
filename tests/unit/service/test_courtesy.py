"""Who is waited for goes first: others step aside meanwhile, for a bounded time."""

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import StaticPool
from starlette.types import Message, Receive, Scope, Send

from service.api.people import PeopleFirst
from service.courtesy import PATIENCE, Courtesy, Rank, stepping_aside
from tests.waiting import wait_until

_LONG = 30.0


@pytest.fixture
def courtesy() -> Courtesy:
    return Courtesy()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loses patience."""
    for rank in PATIENCE:
        monkeypatch.setitem(PATIENCE, rank, _LONG)


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


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("first", "then"),
    [(Rank.PAGE, Rank.CLAIM), (Rank.PAGE, Rank.REPORT), (Rank.CLAIM, Rank.REPORT), (Rank.CLAIM, Rank.ROUND)],
)
def test_a_statement_waits_for_who_goes_first(
    courtesy: Courtesy, engine: Engine, asked: threading.Event, first: Rank, then: Rank
) -> None:
    order = []

    def work() -> None:
        with courtesy.answering(then), stepping_aside(then):
            _one(engine)
        order.append(then)

    worker = threading.Thread(target=work)
    with courtesy.answering(first), courtesy.answering(first):
        worker.start()
        assert asked.wait(_LONG)
        wait_until(lambda: courtesy.waiting == 1)
        order.append(first)
    worker.join(_LONG)
    assert order == [first, then]


@pytest.mark.usefixtures("patient")
def test_nobody_waits_for_his_like_or_for_who_comes_after_him(courtesy: Courtesy, engine: Engine) -> None:
    with courtesy.answering(Rank.CLAIM), courtesy.answering(Rank.REPORT), stepping_aside(Rank.CLAIM):
        assert _one(engine) == 1


def test_patience_ends(courtesy: Courtesy, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATIENCE, Rank.REPORT, 0.01)
    with courtesy.answering(Rank.PAGE), stepping_aside(Rank.REPORT):
        assert [_one(engine) for _ in range(3)] == [1, 1, 1]
        assert courtesy.goes_first(Rank.REPORT)


@pytest.mark.usefixtures("patient")
def test_who_does_not_step_aside_waits_for_nobody(courtesy: Courtesy, engine: Engine) -> None:
    with stepping_aside(Rank.REPORT):
        pass
    with courtesy.answering(Rank.PAGE):
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
        seen.append(courtesy.goes_first(Rank.CLAIM))
        if fails:
            raise ConnectionError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(courtesy.goes_first(Rank.CLAIM))  # a stream goes on for hours

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
    assert not courtesy.goes_first(Rank.CLAIM)
