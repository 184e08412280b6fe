"""Many rows at once are stored as one by one, and a database that refuses them is said to be one."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from service.store import bulk
from service.store.tables import Trial
from tests.integration.harness import Harness


def test_rows_added_at_once_are_as_those_added_one_by_one(harness: Harness) -> None:
    sweep_id = harness.submit()
    strange = {"text": 'a\tb\nc\\d "e" é', "none": None, "list": [1.5, True], "tiny": 1e-300}
    given = {"sweep_id": sweep_id, "params": strange, "schedule": {}, "optimizer": {}, "state": "queued", "value": None}
    with harness.store.write() as session:
        session.add(Trial(number=100, **given))
        bulk.add(session, Trial, [given | {"number": number} for number in (101, 102)])
    with harness.store.read() as session:
        rows = session.scalars(select(Trial).where(Trial.number >= 100).order_by(Trial.number)).all()
    kept = [{key: value for key, value in vars(row).items() if key not in ("id", "number")} for row in rows]
    assert [row.number for row in rows] == [100, 101, 102]
    for one in kept:
        one.pop("_sa_instance_state")
        assert one == kept[0]
    assert (rows[2].params, rows[2].to_tell, rows[2].value) == (strange, False, None)


def test_rows_that_the_database_refuses_are_an_error_of_it_and_nothing_is_kept(harness: Harness) -> None:
    sweep_id = harness.submit()
    given = {"sweep_id": sweep_id, "number": 0, "params": {}, "schedule": {}, "optimizer": {}, "state": "queued"}
    with pytest.raises(IntegrityError), harness.store.write() as session:
        bulk.add(session, Trial, [given | {"number": 200}, given])
    assert len(harness.trials(sweep_id)) == 8
