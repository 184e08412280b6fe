"""The schedule linter's findings in the form in which they are answered."""

import schedules
from service.wire.views import Finding


def shown(finding: schedules.Finding, *, more: int = 0, field: str | None = None) -> Finding:
    """A finding of the linter, which stands for `more` like it; `field` names the place better where that is known."""
    return Finding(
        code=finding.code,
        severity=finding.severity,
        field=field or finding.field,
        message=finding.message + (f" (and {more} more like it)" if more else ""),
        suggestion=finding.suggestion,
    )
