"""A schedule drawn with characters, for a terminal.

Array names: dots_YX tells which of Y x X dots are set, the topmost row first.
"""

import numpy as np
from numpy.typing import NDArray

from schedules.schedule import F64, Schedule

_MARGIN = 10
_SMALLEST = (24, 4)
_BLANK_BRAILLE = 0x2800
# The bit of each dot in a braille character, which is four dots high and two wide.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def preview_text(schedule: Schedule, width: int = 72, height: int = 14) -> str:
    """Return the curve of a schedule as text: ``height`` lines of at most ``width`` characters, and three below.

    Those say how long the run is, where warmup ends and where the peak is. Raises ValueError for a size too small to
    draw in.

    >>> from schedules import build
    >>> print(preview_text(build({"type": "linear", "total_steps": 60, "peak_lr": 1e-3, "warmup_steps": 15}), 40, 6))
        0.001┤      ⣠⠟⠲⢤⣀
             │     ⡴⠃   ⠈⠙⠲⢤⣀
             │   ⢀⡞⠁        ⠈⠙⠲⢤⣀
       0.0004┤  ⣠⠏              ⠈⠙⠲⢤⣀
             │ ⡴⠃                   ⠈⠙⠲⢤⣀
            0┤⠚⠁                        ⠈⠙⠲⢤
             └──────────────────────────────
              1                           60
    linear: peak 0.001 at update 15, warmup 15
    """
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        raise ValueError(f"{width} x {height} is too small; give at least {_SMALLEST[0]} x {_SMALLEST[1]} characters")
    rates, peak, columns = schedule.lrs(), schedule.peak(), width - _MARGIN
    labels = {0: f"{peak.lr:.3g}", height // 2: f"{peak.lr * (1 - (height // 2) / (height - 1)):.3g}", height - 1: "0"}
    lines = [
        f"{labels.get(row, ''):>{_MARGIN - 1}}{'┤' if row in labels else '│'}{line}"
        for row, line in enumerate(_braille(_dots(rates, 2 * columns, 4 * height)))
    ]
    warmup = getattr(schedule, "warmup_steps", 0) or 0
    caption = f"{schedule.type}: peak {peak.lr:.4g} at update {peak.step}" + (f", warmup {warmup}" if warmup else "")
    axis = f"{'└':>{_MARGIN}}{'─' * columns}"
    ends = f"{'':>{_MARGIN}}1{schedule.total_steps:>{columns - 1}}"
    return "\n".join([*(line.rstrip() for line in lines), axis, ends, caption])


def _dots(rates: F64, across: int, down: int) -> NDArray[np.bool_]:
    """Return which dots [down, across] a line through the rates crosses."""
    nearest = np.linspace(0, rates.size - 1, across).round().astype(int)
    top = float(rates.max()) or 1.0
    rows = ((1 - rates[nearest] / top) * (down - 1)).round().astype(int)
    before = np.concatenate([rows[:1], rows[:-1]])
    y_Y1 = np.arange(down)[:, None]
    dots_YX: NDArray[np.bool_] = (y_Y1 >= np.minimum(rows, before)) & (y_Y1 <= np.maximum(rows, before))
    return dots_YX


def _braille(dots_YX: NDArray[np.bool_]) -> list[str]:
    """Return the lines of characters that show the dots, two columns and four rows of them to a character."""
    down, across = dots_YX.shape
    cells = dots_YX.reshape(down // 4, 4, across // 2, 2)
    codes = (cells * _BITS[None, :, None, :]).sum(axis=(1, 3))
    return ["".join(chr(_BLANK_BRAILLE + int(code)) if code else " " for code in line) for line in codes]
