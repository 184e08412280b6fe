"""The small picture of a run's rates: a valid SVG that shows what was given, also where a rate is no number."""

import time
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

import schedules
from schedules.pictures import plot_rates, rendered
from schedules.sketch import MOST_POINTS, sketch

SVG = "{http://www.w3.org/2000/svg}"
RATES = schedules.build({"type": "wsd", "total_steps": 300, "warmup_steps": 20, "peak_lr": 3e-3}).lrs()


def lines(picture: bytes) -> list[np.ndarray]:
    root = ElementTree.fromstring(picture)
    return [
        np.array([[float(part) for part in point.split(",")] for point in line.attrib["points"].split()])
        for line in root.iter(f"{SVG}polyline")
    ]


def texts(picture: bytes) -> list[str | None]:
    return [text.text for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_every_rate_is_where_it_belongs() -> None:
    (line,) = lines(sketch([("planned", RATES)]))
    assert len(line) == 300
    across, up = line[:, 0], line[:, 1]
    np.testing.assert_allclose(np.diff(across), np.diff(across)[0], atol=0.11)
    heights = (up.max() - up) / (up.max() - up.min())
    np.testing.assert_allclose(heights, (RATES - RATES.min()) / (RATES.max() - RATES.min()), atol=1e-3)


def test_curves_are_named_with_their_peaks() -> None:
    shown = texts(sketch([("planned", RATES), ("<applied> & cut", RATES[:100])]))
    assert "planned: 0.003 at 20" in shown
    assert "<applied> & cut: 0.003 at 20" in shown
    assert {"1", "300", "0", "0.003"} <= set(shown)


def test_a_long_run_is_thinned_and_keeps_its_jumps() -> None:
    rates = np.full(1_000_000, 1e-3)
    rates[777_777:] = 1e-4
    (line,) = lines(sketch([("step", rates)]))
    assert len(line) <= MOST_POINTS + 5
    falls = np.flatnonzero(np.diff(line[:, 1]) > 50)
    assert len(falls) == 1
    assert line[falls[0], 0] == pytest.approx(line[falls[0] + 1, 0], abs=0.11)


def test_a_rate_that_is_no_number_leaves_a_gap() -> None:
    rates = RATES.copy()
    rates[100:110] = np.nan
    first, second = lines(sketch([("applied", rates)]))
    assert (len(first), len(second)) == (100, 190)


@pytest.mark.parametrize("rates", [np.array([1e-3]), np.zeros(5)], ids=["one update", "zeros"])
def test_a_degenerate_run_can_be_drawn(rates: np.ndarray) -> None:
    assert len(lines(sketch([("odd", rates)]))) == 1


def test_nothing_cannot_be_drawn() -> None:
    for curves in ([], [("none", np.array([np.nan]))]):
        with pytest.raises(ValueError, match="no rate to draw"):
            sketch(curves)


def test_it_costs_a_small_part_of_what_matplotlib_does() -> None:
    def cost(draw: Callable[[], bytes]) -> float:
        started = time.process_time()
        for _ in range(3):
            draw()
        return time.process_time() - started

    curves = [("planned", RATES), ("applied", RATES)]
    assert 5 * cost(lambda: sketch(curves)) < cost(lambda: rendered(plot_rates(curves, scale="linear"), "png"))
