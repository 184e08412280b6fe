"""The kill matrix as a table."""

from collections.abc import Sequence

from tests.chaos.rounds import Row

_HEAD = [
    "database",
    "what was done",
    "times",
    "trials",
    "lost",
    "repeated",
    "updates needed",
    "updates repeated",
    "checks equal",
    "recovery, s (median, worst)",
]


def markdown(rows: Sequence[Row]) -> str:
    """One line for each database and fault, over all sweeps that suffered it."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.database, ", then ".join(row.faults) or "nothing"), []).append(row)
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    for (database, faults), group in sorted(groups.items()):
        seconds = sorted(second for row in group for second in row.recovery_seconds)
        checks = sum(row.checks for row in group)
        lines.append(
            _line(
                [
                    database,
                    faults,
                    str(len(group)),
                    str(sum(row.trials for row in group)),
                    str(sum(row.trials_lost for row in group)),
                    str(sum(row.runs_repeated for row in group)),
                    str(sum(row.updates_needed for row in group)),
                    str(sum(row.updates_repeated for row in group)),
                    f"{checks - sum(row.checks_failed for row in group)} of {checks}",
                    f"{seconds[len(seconds) // 2]:.1f}, {seconds[-1]:.1f}" if seconds else "-",
                ]
            )
        )
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
