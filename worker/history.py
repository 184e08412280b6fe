"""What happened in a run, update by update: kept whole here, thinned for MLflow's charts."""

import gzip
import json
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from worker.lanes.log import StepLog

CHARTED_UPDATES = 2_000


class Point(NamedTuple):
    """One metric value; its timestamp (ms since 1970) is fixed here, so that sending it twice changes nothing."""

    key: str
    value: float
    timestamp: int
    step: int


@dataclass(kw_only=True)
class History:
    """The sequences of one run. Index i belongs to update i + 1; validation losses name their update.

    ``executed`` counts the updates that were executed for this run's own sake. It trained the others together with
    runs that agree with it so far, and one of those has them in its count.
    """

    total_steps: int
    executed: int = 0
    lr: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    val_loss: list[tuple[int, float]] = field(default_factory=list)

    def add_updates(self, log: StepLog) -> list[Point]:
        """Append what a stretch of training did; returns the points to chart."""
        lr, loss, norm = log.lr.tolist(), log.train_loss.tolist(), log.grad_norm.tolist()
        assert log.first_update == len(self.lr) + 1, "a stretch of updates is missing or repeated"
        self.lr += lr
        self.train_loss += loss
        self.grad_norm += norm
        now = _now()
        return [
            Point(key, value, now, log.first_update + index)
            for index, values in enumerate(zip(lr, loss, norm, strict=True))
            if self._is_charted(log.first_update + index)
            for key, value in zip(("lr", "train_loss", "grad_norm"), values, strict=True)
        ]

    def add_validation(self, step: int, value: float) -> Point:
        """Append the validation loss after update `step`; returns the point to chart."""
        self.val_loss.append((step, value))
        return Point("val_loss", value, _now(), step)

    def compressed(self) -> bytes:
        """All sequences, as gzipped JSON."""
        sequences = {
            "lr": self.lr,
            "train_loss": self.train_loss,
            "grad_norm": self.grad_norm,
            "updates": {"asked": len(self.lr), "executed": self.executed},
            "val_loss": [{"step": step, "value": value} for step, value in self.val_loss],
        }
        return gzip.compress(json.dumps(sequences).encode(), mtime=0)

    def clear(self) -> None:
        """Let go of the sequences: they are kept elsewhere."""
        for sequence in (self.lr, self.train_loss, self.grad_norm, self.val_loss):
            sequence.clear()

    @classmethod
    def read(cls, compressed: bytes, *, total_steps: int) -> "History":
        """Return the history of a run of so many updates from what `compressed` gave. Raises ValueError."""
        try:
            kept = json.loads(gzip.decompress(compressed))
            return cls(
                total_steps=total_steps,
                executed=kept["updates"]["executed"],
                val_loss=[(point["step"], point["value"]) for point in kept["val_loss"]],
                **{name: kept[name] for name in ("lr", "train_loss", "grad_norm")},
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"history: {error!r}; give the artifact history.json.gz of a run") from error

    def _is_charted(self, step: int) -> bool:
        stride = -(-self.total_steps // CHARTED_UPDATES)
        return step in (1, self.total_steps) or step % stride == 0


def _now() -> int:
    return time.time_ns() // 1_000_000
