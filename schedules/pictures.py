"""Schedules drawn with matplotlib: one or many, on linear and logarithmic axes, with warmup, peak and cooldown marked.

No global state of matplotlib is touched: each call makes a figure of its own.
"""

import io
from collections.abc import Iterable, Sequence
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from schedules.schedule import F64, Schedule
from schedules.sketch import COLOURS, drawn

Scale = Literal["linear", "log", "both"]

STYLES = ("-", "--", "-.", ":")


def plot(schedules: Schedule | Iterable[Schedule], *, labels: Sequence[str] = (), scale: Scale = "both") -> Figure:
    """Return a figure of the rate of each update, on a linear axis, a logarithmic one, or ``both`` side by side.

    Each peak is marked; the warmup and the cooldown are shaded where there is only one schedule. ``labels`` name the
    schedules (by default their types). Rates of zero have no place on a logarithmic axis and leave a gap.
    Raises ValueError where there is nothing to draw, or not one label for each schedule.

    >>> from schedules import build
    >>> figure = plot(build({"type": "cosine", "total_steps": 100, "peak_lr": 1e-3}), scale="log")
    >>> figure.savefig("cosine.svg")  # doctest: +SKIP
    """
    many = [schedules] if isinstance(schedules, Schedule) else list(schedules)
    names = list(labels) or [schedule.type for schedule in many]
    if len(names) != len(many):
        raise ValueError(f"there are {len(names)} labels for {len(many)} schedules; give one for each")
    figure = plot_rates([(name, one.lrs()) for name, one in zip(names, many, strict=True)], scale=scale)
    if len(many) == 1:
        for axes in figure.axes:
            _shade(axes, many[0])
    return figure


def plot_rates(curves: Sequence[tuple[str, F64]], *, scale: Scale = "both") -> Figure:
    """Return a figure as ``plot`` does, of bare rates [T] and their names, such as those that a probe recorded.

    Raises ValueError where there is nothing to draw.
    """
    if not curves:
        raise ValueError("there is no schedule to draw; give at least one")
    scales = ("linear", "log") if scale == "both" else (scale,)
    figure = Figure(figsize=(5.2 * len(scales), 3.2), layout="constrained")
    for index, axis_scale in enumerate(scales):
        axes = figure.add_subplot(1, len(scales), index + 1)
        for number, (name, rates) in enumerate(curves):
            _draw(axes, rates, name, COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)])
        _dress(axes, axis_scale)
        axes.legend(fontsize=8)
    return figure


def picture(schedules: Schedule | Iterable[Schedule], file_format: Literal["png", "svg"] = "png") -> bytes:
    """Return the figure of ``plot`` as the bytes of a PNG or SVG file."""
    return rendered(plot(schedules), file_format)


def rendered(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """Return a figure as the bytes of a PNG or SVG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if file_format == "svg" else {}
    with matplotlib.rc_context({"svg.hashsalt": "schedules"}):
        figure.savefig(buffer, format=file_format, dpi=144, metadata=metadata)
    return buffer.getvalue()


def _draw(axes: Axes, rates: F64, name: str, colour: str, style: str) -> None:
    peak = int(rates.argmax())
    top = float(rates[peak])
    shown = drawn(rates)
    axes.plot(shown + 1, rates[shown], color=colour, linestyle=style, linewidth=1.6, label=name)
    axes.plot([peak + 1], [top], marker="o", markersize=4, color=colour)
    text, beside = f"{top:.3g} at {peak + 1}", (4, 4)
    axes.annotate(text, (peak + 1, top), textcoords="offset points", xytext=beside, fontsize=8, color=colour)


def _shade(axes: Axes, schedule: Schedule) -> None:
    warmup: int = getattr(schedule, "warmup_steps", 0) or 0
    cooldown: int = getattr(schedule, "cooldown", 0)
    if warmup:
        axes.axvspan(1, warmup, color="#E69F00", alpha=0.15, linewidth=0, label="warmup")
    if cooldown:
        start = schedule.total_steps - cooldown
        axes.axvspan(start, schedule.total_steps, color="#56B4E9", alpha=0.2, linewidth=0, label="cooldown")
    axes.legend(fontsize=8)


def _dress(axes: Axes, scale: str) -> None:
    if scale == "log":
        axes.set_yscale("log", nonpositive="mask")
    else:
        axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.set_xlabel("update")
    axes.set_ylabel("learning rate")
    axes.grid(visible=True, linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
