"""The heads of several teams' queues at once: a statement for each would make a claim slower with every team."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from service.domain.fairness import Standing
from service.store.tables import Run, in_state


def locked(session: Session, queues: Sequence[Select[Run]]) -> list[Run]:
    """Lock the queued runs that these queries find, without those that somebody else is taking; in no order.

    None for a single queue: its runs are better locked as they are found, since others take from it as well.
    """
    if len(queues) < 2:
        return []
    found = union_all(*(select(one.subquery().c.id) for one in queues))
    heads = select(Run).where(Run.id.in_(found), in_state(Run.state, "queued"))
    return list(session.scalars(heads.with_for_update(skip_locked=True)))


def after(standings: Sequence[Standing], runs: Sequence[Run]) -> list[Standing]:
    """How the teams stand when they have got these runs."""
    got = Counter(run.team_id for run in runs)
    return [replace(one, lanes=one.lanes + got[one.team], waiting=one.waiting - got[one.team]) for one in standings]
