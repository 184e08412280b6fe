"""What the linter and the probe find."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong (``error``) or doubtful (``warning``) with one schedule, or with several together.

    ``code`` is stable; ``field`` names the parameter concerned; ``positions`` are the places, in what was given to
    ``lint``, of the schedules concerned.
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    suggestion: str
    field: str
    positions: tuple[int, ...] = (0,)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {**asdict(self), "positions": list(self.positions)}


def error(code: str, message: str, suggestion: str, field: str) -> Finding:
    """Return a finding that forbids the schedule."""
    return Finding(code=code, severity="error", message=message, suggestion=suggestion, field=field)


def warning(code: str, message: str, suggestion: str, field: str) -> Finding:
    """Return a finding that asks whether the schedule was meant so."""
    return Finding(code=code, severity="warning", message=message, suggestion=suggestion, field=field)
