"""Rates as a small SVG, written in a millisecond where matplotlib takes a hundred: one for each run of a sweep."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from schedules.schedule import F64

# Okabe & Ito: told apart by colour-blind readers and in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MOST_POINTS = 2000
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 560, 320, 70, 30, 20, 45


def sketch(curves: Sequence[tuple[str, F64]]) -> bytes:
    """Return an SVG of rates [T] and their names over the updates from 1, on linear axes, each with its peak marked.

    A rate that is no finite number leaves a gap. Raises ValueError where there is nothing to draw.

    >>> from schedules import build
    >>> sketch([("cosine", build({"type": "cosine", "total_steps": 100, "peak_lr": 1e-3}).lrs())])[:4]
    b'<svg'
    """
    if not curves or not any(np.isfinite(rates).any() for _, rates in curves):
        raise ValueError("there is no rate to draw; give at least one curve with a finite rate")
    last = max(rates.size for _, rates in curves)
    top = max(float(np.max(rates, initial=0.0, where=np.isfinite(rates))) for _, rates in curves)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(update: float) -> float:
        return _LEFT + width * (update - 1) / max(1, last - 1)

    def y(rate: float) -> float:
        return _TOP + height * (1 - rate / (1.1 * top or 1.0))

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<path d="M{_LEFT} {_TOP}V{_TOP + height}H{_LEFT + width}" fill="none" stroke="black"/>',
        _text(_LEFT + width / 2, _HEIGHT - 8, "update", "middle"),
        _text(10, 18, "learning rate", "start"),
    ]
    lines += [
        _text(x(update), _TOP + height + 18, str(update), "middle")
        for update in dict.fromkeys((1, (1 + last) // 2, last))
    ]
    for rate in dict.fromkeys((0.0, top / 2, top)):
        lines.append(f'<path d="M{_LEFT} {y(rate):.1f}h{width}" stroke="#cccccc" stroke-width="0.5"/>')
        lines.append(_text(_LEFT - 6, y(rate) + 4, f"{rate:.3g}", "end"))
    for number, (name, rates) in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        dashes = ' stroke-dasharray="6 4"' if number % 2 else ""
        for part in _stretches(rates):
            points = " ".join(f"{x(index + 1):.1f},{y(rates[index]):.1f}" for index in part)
            lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>')
        lines.append(_text(_LEFT + width - 4, _TOP + 14 * (number + 1), _label(name, rates), "end", colour))
    return "\n".join([*lines, "</svg>\n"]).encode()


def drawn(rates: F64) -> NDArray[np.int64]:
    """Return the indices of the rates to draw: evenly thinned, but with every jump, the peak and the last."""
    peak = int(rates.argmax())
    jumps = np.flatnonzero(np.abs(np.diff(rates)) > float(rates[peak]) / 50)
    evenly = np.arange(0, rates.size, max(1, rates.size // MOST_POINTS))
    return np.unique(np.concatenate([evenly, jumps, jumps + 1, np.array([peak, rates.size - 1])])).astype(np.int64)


def _stretches(rates: F64) -> list[NDArray[np.int64]]:
    """The indices to draw, parted where rates are not finite."""
    finite = np.where(np.isfinite(rates), rates, 0.0)
    indices = drawn(finite)
    gaps = np.flatnonzero(~np.isfinite(rates[indices]))
    parts = [part[np.isfinite(rates[part])] for part in np.split(indices, gaps)]
    return [part for part in parts if part.size]


def _label(name: str, rates: F64) -> str:
    finite = np.where(np.isfinite(rates), rates, -np.inf)
    peak = int(finite.argmax())
    return f"{name}: {finite[peak]:.3g} at {peak + 1}"


def _text(x: float, y: float, text: str, anchor: str, colour: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
