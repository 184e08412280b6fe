"""Ends of runs that come together are written together, and none harms another."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from service.domain import leases as holding
from service.domain import sweeps
from service.domain.leases import Ending, Refusal
from service.reports import Reports
from service.wire.protocol import Lease
from tests.integration.harness import Harness
from tests.waiting import wait_until

end = holding.end


def at_once(harness: Harness, held: Mapping[int, list[Lease]]) -> list[Any]:
    """Let workers report the ends of their runs while another end is being written; their answers, or errors."""
    with ThreadPoolExecutor(len(held)) as threads:
        with harness.reports._turn:
            told = [threads.submit(harness.finish, worker, leases) for worker, leases in held.items()]
            wait_until(lambda: len(harness.reports._waiting) == len(held))
        return [one.exception() or [answer.command for answer in one.result()] for one in told]


def test_ends_that_come_together_are_one_transaction(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = harness.submit()
    held = {worker: harness.claim(worker, 2) for worker in (harness.worker() for _ in range(4))}
    written = []

    def note(session: Session, ends: Mapping[int, Ending]) -> dict[int, Refusal]:
        written.append(sorted(ends))
        return end(session, ends)

    monkeypatch.setattr(holding, "end", note)
    assert at_once(harness, held) == [["continue"] * 2] * 4
    assert written == [[run.id for run in harness.runs(sweep)]]
    ended = harness.sweep(sweep)
    assert (ended.state, ended.trials_done, ended.runs_completed, ended.runs_unended) == ("completed", 8, 8, 0)
    assert sorted(trial.end_number or 0 for trial in harness.trials(sweep)) == list(range(1, 9))


def test_an_end_that_cannot_be_written_harms_no_other_and_may_be_told_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = harness.submit()
    held = {worker: harness.claim(worker, 2) for worker in (harness.worker() for _ in range(4))}
    (bad, leases) = list(held.items())[1]

    def fail(session: Session, ends: Mapping[int, Ending]) -> dict[int, Refusal]:
        refusals = end(session, ends)
        if leases[0].run_id in ends:
            raise RuntimeError("no")
        return refusals

    monkeypatch.setattr(holding, "end", fail)
    answers = at_once(harness, held)
    assert [repr(answer) for answer in answers] == [repr(["continue"] * 2), "RuntimeError('no')"] + [
        repr(["continue"] * 2)
    ] * 2
    assert harness.sweep(sweep).trials_done == 6
    monkeypatch.undo()
    assert [answer.command for answer in harness.finish(bad, leases)] == ["continue"] * 2
    assert harness.sweep(sweep).state == "completed"


def test_a_run_that_is_cancelled_while_its_end_is_told_is_answered_so(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    leases = harness.claim(worker, 2)
    write = Reports._end

    def cancel_first(reports: Reports, ends: Mapping[int, Ending]) -> Mapping[int, Refusal]:
        with harness.store.write() as session:
            sweeps.cancel(session, harness.principal, sweep)
        return write(reports, ends)

    monkeypatch.setattr(Reports, "_end", cancel_first)
    assert [answer.command for answer in harness.finish(worker, leases)] == ["stop"] * 2
    assert {run.state for run in harness.runs(sweep)} == {"cancelled"}
