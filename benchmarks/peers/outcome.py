"""What a contender's process says at its end."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

MARK = "OUTCOME "


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """When it was ready to train, when it had the last result (seconds since 1970), and the losses by configuration."""

    ready: float
    done: float
    losses: Sequence[float]

    def tell(self) -> None:
        """Print it for the process that waits for it."""
        print(MARK + json.dumps(asdict(self)), flush=True)

    @classmethod
    def heard(cls, output: str) -> "Outcome | None":
        """The outcome in a process's output; None if there is none."""
        lines = [line.removeprefix(MARK) for line in output.splitlines() if line.startswith(MARK)]
        return cls(**json.loads(lines[-1])) if lines else None


def now() -> float:
    """The time on a clock that all processes share."""
    return time.time()
