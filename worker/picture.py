"""The rate curve of a run as a picture."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from schedules import build


def rate_curve_png(schedule: dict[str, Any], *, applied: Sequence[float]) -> bytes:
    """The planned rate of every update, with the applied one drawn over it as far as the run came."""
    planned = build(schedule).lrs()
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="update", ylabel="learning rate", title=str(schedule["type"]))
    axes.plot(range(1, len(planned) + 1), planned, color="0.75", linewidth=4, label="planned")
    axes.plot(range(1, len(applied) + 1), applied, color="C0", linewidth=1.2, label="applied")
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
