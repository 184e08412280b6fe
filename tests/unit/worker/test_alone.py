"""A run that is to train alone has no other beside it, and what comes after it is trained as ever."""

import pytest

from service.wire.protocol import Claim, Granted
from tests.unit.worker.test_loop import FakeService, Worked, lease


def test_nothing_is_claimed_beside_a_run_that_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    beside: list[Claim] = []
    claim = FakeService.claim

    def watched(service: FakeService, request: Claim) -> Granted:
        if len(service.queue) == 3:
            granted, service.queue = service.queue[:1], service.queue[1:]
            return Granted(leases=granted)
        nothing_trains = request.shape is None and request.lanes == 2  # its end is only told when MLflow has it all
        if 1 not in service.outcomes and 1 in service.vals and not nothing_trains:
            beside.append(request)
        return claim(service, request)

    monkeypatch.setattr(FakeService, "claim", watched)
    worked = Worked([lease(1, alone=True), lease(2, 20), lease(3, 35)], lanes=2)
    assert beside == []
    assert {outcome.state for outcome in worked.service.outcomes.values()} == {"completed"}
    assert worked.tracker.endings[1].history.executed == 40
