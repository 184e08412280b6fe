"""The audit trail: what was changed, when, by whom."""

from datetime import datetime
from typing import Any

from service.wire.base import Wire


class AuditEvent(Wire):
    """One change. `team` is whose it concerns; None for what concerns the whole service.

    `user` is who caused it, as TEAM/NAME, with which `token`, from which `address`, in which request; None where the
    service did it by itself. `detail` depends on the kind.
    """

    id: int
    at: datetime
    kind: str
    team: str | None
    user: str | None
    token: int | None
    address: str | None
    request_id: str | None
    sweep_id: int | None
    detail: dict[str, Any]


class AuditPage(Wire):
    """Events, newest first; `next_cursor` is given back as `?cursor=` for the rest."""

    items: list[AuditEvent]
    next_cursor: int | None
