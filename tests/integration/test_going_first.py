"""A report steps aside for a page on PostgreSQL; on SQLite, where one writes at a time, nobody does."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from service.courtesy import PATIENCE, Rank
from service.wire.protocol import Claim, Report
from tests.integration.harness import GRID, news
from tests.integration.serving import Serving, hello
from tests.waiting import wait_until


def test_a_report_lets_a_page_go_first(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    serving["member"].submit(GRID)
    worker, parts = serving["worker"], serving.parts
    worker_id = worker.register(hello(1)).worker_id
    granted = worker.claim(Claim(worker_id=worker_id, lanes=1)).leases
    report = Report(worker_id=worker_id, updates_per_second=1.0, runs=[news(lease, step=5) for lease in granted])
    worker.report(report)
    parts.reconciler.stop()  # it would step aside, too
    monkeypatch.setitem(PATIENCE, Rank.REPORT, 60.0)
    done, seen = [], []
    event.listen(parts.store.engine, "after_cursor_execute", lambda *given: done.append(given[2]), named=False)
    with ThreadPoolExecutor(1) as threads:
        with parts.courtesy.answering(Rank.PAGE):
            told = threads.submit(worker.report, report)
            if parts.store.is_sqlite:
                told.result(30)
            else:
                wait_until(lambda: parts.courtesy.waiting > 0)
                seen = [one for one in done if "UPDATE workers" in one]
        assert [answer.command for answer in told.result(30).runs] == ["continue"]
    assert seen == []
    assert any("UPDATE workers" in one for one in done)
