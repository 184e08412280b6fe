"""Errors on the wire: RFC 9457 problem details with a stable code, and one entry per offending field."""

from pydantic import BaseModel

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One offending field: its path (`space.warmup_steps.high`), what was wrong, what would be right."""

    field: str
    problem: str
    remedy: str


class Problem(BaseModel):
    """A problem document. `code` is stable and meant for programs; `detail` is meant for people.

    `request_id` is the one under which the service's log tells of the request.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = []
    request_id: str | None = None
