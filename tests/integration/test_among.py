"""That a column holds one of some ids is said by one statement, however many they are; on both databases."""

import pytest
from sqlalchemy import select

from service.store.among import among
from service.store.tables import Trial
from tests.integration.harness import Harness


@pytest.mark.parametrize("chosen", [(), (0,), (2, 0), tuple(range(1000))], ids=["none", "one", "two", "more"])
def test_it_finds_what_in_finds(harness: Harness, chosen: tuple[int, ...]) -> None:
    sweep_id = harness.submit()
    with harness.store.read() as session:
        there = session.scalars(select(Trial.id).where(Trial.sweep_id == sweep_id).order_by(Trial.id)).all()
        ids = {there[place] if place < len(there) else 10**12 + place for place in chosen}
        of_sweep = select(Trial.id).where(Trial.sweep_id == sweep_id).order_by(Trial.id)
        found = session.scalars(of_sweep.where(among(Trial.id, ids))).all()
        assert found == session.scalars(of_sweep.where(Trial.id.in_(ids))).all()
        assert len(found) == min(len(chosen), len(there))


def test_its_statement_is_the_same_for_any_number_of_ids(harness: Harness) -> None:
    engine = harness.store.engine
    one, many = (str(select(Trial.id).where(among(Trial.id, range(count))).compile(engine)) for count in (1, 1000))
    assert one == many
