"""Usage and shares: what teams have used, and what they may."""

from datetime import date
from typing import Literal

from pydantic import Field

from service.wire.base import Wire

UsageKey = Literal["team", "user", "sweep"]


class UsageRow(Wire):
    """What a team, a user or a sweep has used: seconds of devices, those of them on GPUs, and joules where known."""

    team: str
    user: str | None = None
    sweep_id: int | None = None
    sweep: str | None = None
    device_seconds: float
    gpu_seconds: float
    joules: float | None = None


class UsageView(Wire):
    """What was used in the days from `first` to `last` (UTC), the most first."""

    by: UsageKey
    first: date
    last: date
    device_seconds: float
    rows: list[UsageRow]


class ShareSpec(Wire):
    """What a team may: its weight among the teams, lanes at once, and hours of devices in a month (UTC).

    Without `lanes` or `hours` there is no such limit.
    """

    weight: float = Field(default=1.0, gt=0, le=1e6)
    lanes: int | None = Field(default=None, ge=0)
    hours: float | None = Field(default=None, ge=0, le=1e9)


class ShareView(ShareSpec):
    """What a team may, has and waits for.

    It is due `lanes_due` of the lanes that there are now. `used_hours` are hours of devices, of which half count no
    more after a half-life, `month_hours` those of this month. `waits_for` says why its runs wait, if it may have no
    more lanes.
    """

    team: str
    lanes_in_use: float
    lanes_due: float
    queued_runs: int
    used_hours: float
    month_hours: float
    waits_for: str | None = None
