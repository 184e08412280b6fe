import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.axes import Axes

from schedules import picture, plot, preview_text
from tests.unit.schedules.schedule_examples import ALL, PEAK, TOTAL, WARMUP, example


def _texts(axes: Axes) -> set[str]:
    legend = axes.get_legend()
    return {text.get_text() for text in legend.get_texts()} if legend else set()


def test_one_schedule_is_drawn_on_both_axes_with_warmup_peak_and_cooldown_marked() -> None:
    linear, log = plot(example("wsd")).axes
    assert (linear.get_yscale(), log.get_yscale()) == ("linear", "log")
    assert _texts(linear) == {"wsd", "warmup", "cooldown"}
    assert linear.texts[0].get_text() == f"{PEAK:.3g} at {WARMUP}"
    x, y = np.asarray(linear.lines[0].get_data(), dtype=np.float64)
    assert x.tolist() == list(range(1, TOTAL + 1))
    assert y.tolist() == example("wsd").lrs().tolist()


def test_many_schedules_are_told_apart_by_their_names() -> None:
    (axes,) = plot([example("linear"), example("cosine")], labels=["straight", "curved"], scale="linear").axes
    assert _texts(axes) == {"straight", "curved"}
    assert len({line.get_color() for line in axes.lines}) == 2


def test_a_long_run_is_thinned_without_losing_its_peak_and_its_jumps() -> None:
    schedule = example("step", total_steps=1_000_000, warmup_steps=12_345, milestones=[500_001, 700_003])
    (axes,) = plot(schedule, scale="linear").axes
    x = np.asarray(axes.lines[0].get_xdata(), dtype=np.int64)
    assert x.size < 5000
    assert {1, 12_345, 500_000, 500_001, 700_002, 700_003, 1_000_000} <= set(x.tolist())


@pytest.mark.parametrize("family", ALL)
def test_every_family_can_be_drawn_as_png_and_svg(family: str) -> None:
    assert picture(example(family)).startswith(b"\x89PNG")
    assert ET.fromstring(picture(example(family), "svg")).tag.endswith("svg")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least one"):
        plot([])
    with pytest.raises(ValueError, match="1 labels for 2 schedules"):
        plot([example("linear"), example("cosine")], labels=["one"])


@pytest.mark.parametrize("family", ALL)
def test_the_terminal_gets_a_curve_of_the_size_asked_for(family: str) -> None:
    lines = preview_text(example(family), 50, 10).splitlines()
    assert len(lines) == 13
    assert max(len(line) for line in lines[:-1]) == 50
    assert lines[-2].split() == ["1", str(TOTAL)]
    assert f"at update {WARMUP}" in lines[-1]


def test_a_size_too_small_for_the_terminal_is_refused() -> None:
    with pytest.raises(ValueError, match="10 x 3 is too small; give at least 24 x 4"):
        preview_text(example("linear"), 10, 3)


def test_a_schedule_of_zeros_is_drawn_as_a_flat_line() -> None:
    assert "peak 0 at update 1" in preview_text(example("constant", peak_lr=0.0))
