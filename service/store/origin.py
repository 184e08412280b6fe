"""Where an event comes from, as the defaults of its columns: whoever writes one says what happened, and no more."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, column, select, table
from sqlalchemy.engine.default import DefaultExecutionContext

from service import logs

_OWNED = {"sweep_id": "sweeps", "user_id": "users"}


def bound(name: str) -> Callable[[], Any]:
    """What is known of the request that is served in this context; nothing of what no request caused."""
    return lambda: logs.bound().get(name)


def team_concerned(context: DefaultExecutionContext) -> int | None:
    """The team of an event's sweep, or else that of the user who caused it."""
    given = context.current_parameters or {}
    for name, owned in _OWNED.items():
        if given.get(name) is not None:
            rows = table(owned, column("id", BigInteger), column("team_id", BigInteger))
            team: int | None = context.root_connection.scalar(select(rows.c.team_id).where(rows.c.id == given[name]))
            return team
    return None
