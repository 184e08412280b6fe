"""How long it takes to compute all rates of a run of a million updates, for each schedule family.

Against what a script would do instead: torch's own scheduler, stepped once for each update (timed over fewer updates
and scaled up). Repetitions of all families are interleaved; medians are printed.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import schedules

OWN: dict[str, dict[str, Any]] = {
    "noam": {"d_model": 512},
    "exponential": {"decay_rate": 1e-5},
    "step": {"milestones": [300_000, 600_000]},
    "one_cycle": {"warmup_steps": 10_000},
}


def example(family: str, updates: int) -> schedules.Schedule:
    """A schedule of the family over that many updates, warmed up over a hundredth of them."""
    own = OWN.get(family, {})
    peak: dict[str, Any] = {} if family == "noam" else {"peak_lr": 3e-3}
    common = {"type": family, "total_steps": updates, "warmup_steps": updates // 100}
    return schedules.build(common | peak | own)


def milliseconds(work: Callable[[], object]) -> float:
    """The CPU time that this process spends on it."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3


def step_torch(updates: int) -> None:
    """Step torch's own cosine schedule."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=updates)
    optimizer.step()
    for _ in range(updates):
        scheduler.step()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    chosen = {family: example(family, options.updates) for family in schedules.FAMILIES}
    measured: dict[str, list[float]] = {family: [] for family in [*chosen, "torch, stepped"]}
    step_torch(1)  # its first step imports
    for _ in range(options.repetitions):
        for family, schedule in chosen.items():
            measured[family].append(milliseconds(schedule.lrs))
        few = options.updates // 100
        measured["torch, stepped"].append(100 * milliseconds(lambda few=few: step_torch(few)))  # type: ignore[misc]
    versions = f"numpy {np.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    table = Table(title=f"{options.updates} rates, ms of CPU ({versions})", title_justify="left")
    table.add_column("family")
    for name in ("median", "least", "most"):
        table.add_column(name, justify="right")
    for family, times in measured.items():
        table.add_row(family, *(f"{value:.1f}" for value in (statistics.median(times), min(times), max(times))))
    Console().print(table)


if __name__ == "__main__":
    main()
