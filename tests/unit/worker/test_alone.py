"""A run that is to train alone has no other beside it, and what comes after it is trained as ever."""

import pytest

from service.wire.protocol import Claim, Granted
from tests.unit.worker.test_loop import FakeService, FakeTracker, Worked, lease
from worker.tracking import Ending


def test_nothing_is_claimed_beside_a_run_that_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    beside: list[Claim] = []
    trained: list[int] = []
    claim, finish = FakeService.claim, FakeTracker.finish

    def watched(service: FakeService, request: Claim) -> Granted:
        if len(service.queue) == 3:
            granted, service.queue = service.queue[:1], service.queue[1:]
            return Granted(leases=granted)
        if 1 in service.vals and 1 not in trained:
            beside.append(request)
        return claim(service, request)

    def ended(tracker: FakeTracker, run_id: int, ending: Ending) -> None:
        trained.append(run_id)  # the service hears of it later, when MLflow has it all
        finish(tracker, run_id, ending)

    monkeypatch.setattr(FakeService, "claim", watched)
    monkeypatch.setattr(FakeTracker, "finish", ended)
    worked = Worked([lease(1, alone=True), lease(2, 20), lease(3, 35)], lanes=2)
    assert beside == []
    assert {outcome.state for outcome in worked.service.outcomes.values()} == {"completed"}
    assert worked.tracker.endings[1].history.executed == 40
