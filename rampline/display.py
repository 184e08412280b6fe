"""What people look at in the terminal: live progress, leaderboards, the winner."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from schedules import build
from service.client import ApiError, Client, ServiceUnreachableError
from service.wire.events import StateChange, SweepEnd, TrialEnd
from service.wire.retries import Backoff
from service.wire.views import Best, Progress, QueueView, SweepView, TrialView, WorkerView

ENDED = {"completed", "cancelled", "failed"}
POLL_SECONDS = 0.5
_LEAST_SECONDS = 0.2
PLAIN_LINE_SECONDS = 5.0
AWAY_SECONDS = 300.0
_COLUMNS = {"type", "total_steps", "warmup_steps", "peak_lr"}
NEWS_SECONDS = 5.0  # a worker sends what it has every two


def plain(text: str) -> str:
    """A text from elsewhere as a terminal may be shown it: no markup, no control or bidirectional characters."""
    return escape("".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text))


def watch(client: Client, sweep_id: int, console: Console) -> SweepView:
    """Show a sweep's progress until it has ended; a line now and then where the output is not a terminal."""
    if console.is_terminal:
        return _watch_live(client, sweep_id, console)
    last = float("-inf")
    for sweep, speed in _follow(client, sweep_id):
        if sweep.state in ENDED or time.monotonic() - last >= PLAIN_LINE_SECONDS:
            last = time.monotonic()
            console.print(status_line(sweep, speed), highlight=False, soft_wrap=True)
    return sweep


def _watch_live(client: Client, sweep_id: int, console: Console) -> SweepView:
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    clock = Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    trials, updates = bars.add_task("trials ", total=None), clock.add_task("updates", total=None)
    with Live(Group(bars, clock), console=console, refresh_per_second=4) as live:
        for sweep, speed in _follow(client, sweep_id):
            progress = sweep.progress
            bars.update(trials, completed=progress.trials_done, total=progress.trials_total)
            clock.update(updates, completed=progress.updates_done, total=progress.updates_total)
            live.update(Group(bars, clock, Text(status_line(sweep, speed))))
    return sweep


def _follow(client: Client, sweep_id: int) -> Iterator[tuple[SweepView, float]]:
    """The sweep's view now and again until it has ended, with its updates per second since the view before."""
    before = client.sweep(sweep_id)
    seen, speed = time.monotonic(), 0.0
    yield before, speed
    for sweep in _views(client, before):
        now = time.monotonic()
        if now - seen >= _LEAST_SECONDS:
            latest = max(0, sweep.progress.updates_done - before.progress.updates_done) / (now - seen)
            speed = latest if speed == 0 else 0.9 * speed + 0.1 * latest
            before, seen = sweep, now
        yield sweep, speed


def _look(client: Client, sweep_id: int) -> SweepView:
    """Look at a sweep; a service that is away for some minutes, to be restarted say, is waited for."""
    backoff = Backoff(budget=AWAY_SECONDS)
    while True:
        try:
            return client.sweep(sweep_id)
        except ServiceUnreachableError:
            if backoff.spent:
                raise
        time.sleep(backoff.wait())


def _views(client: Client, sweep: SweepView) -> Iterator[SweepView]:
    """What becomes of a sweep until it has ended: as the service tells it or, where it tells nothing, by asking."""
    if sweep.state in ENDED:
        return
    with contextlib.suppress(ApiError, ServiceUnreachableError):  # asking says what is wrong, if it does not help
        for event in client.events(sweep.id):
            match event.news:
                case Progress():
                    sweep = sweep.model_copy(update={"progress": event.news})
                    yield sweep
                case StateChange(state=state):
                    sweep = sweep.model_copy(update={"state": state})
                    yield sweep
                case TrialEnd() | SweepEnd():
                    continue
    while sweep.state not in ENDED:
        sweep = _look(client, sweep.id)
        yield sweep
        if sweep.state not in ENDED:
            time.sleep(POLL_SECONDS)


def status_line(sweep: SweepView, speed: float) -> str:
    """Where a sweep stands, in a line."""
    progress = sweep.progress
    best = "-" if progress.best_value is None else f"{progress.best_value:.4f} (trial {progress.best_trial})"
    left = (progress.updates_total - progress.updates_done) / speed if speed else None
    return (
        f"{sweep.state}: {progress.trials_done}/{progress.trials_total} trials, "
        f"{progress.updates_done}/{progress.updates_total} updates, {speed:.0f} updates/s, "
        f"{progress.lanes_in_use} lanes in use, best {best}, "
        f"time left {'?' if left is None else _duration(left)}"
    )


def leaderboard(trials: list[TrialView], top: int = 10) -> Table:
    """The best trials first: schedule, warmup, peak, validation loss; pruned ones after those that were trained."""
    table = Table(title="Leaderboard (validation loss, nats per byte)", title_justify="left")
    for name in ("rank", "trial", "schedule", "warmup", "peak", "steps", "val loss", "ended as"):
        table.add_column(name, justify="left" if name in {"schedule", "ended as"} else "right")
    ranked = sorted(
        (trial for trial in trials if trial.value is not None),
        key=lambda trial: (trial.state == "pruned", trial.value, trial.number),
    )
    varied = _varied(ranked)
    for rank, trial in enumerate(ranked[:top], start=1):
        schedule = build(trial.schedule)
        spread = "" if trial.spread is None else f" ± {trial.spread:.4f}"
        table.add_row(
            str(rank),
            str(trial.number),
            " ".join(
                [schedule.type, *(f"{name}={_short(trial.schedule.get(name, '-'))}" for name in varied[schedule.type])]
            ),
            str(trial.schedule.get("warmup_steps", 0)),
            f"{schedule.peak().lr:.2e}",
            str(schedule.total_steps),
            f"{trial.value:.4f}{spread}",
            trial.state,
        )
    if len(ranked) > top:
        table.caption = f"{len(ranked) - top} more"
    return table


def _varied(trials: list[TrialView]) -> dict[str, list[str]]:
    """The own parameters in which the trials of a schedule type differ."""
    values: dict[str, dict[str, set[str]]] = {}
    for trial in trials:
        seen = values.setdefault(str(trial.schedule["type"]), {})
        for name, value in trial.schedule.items():
            if name not in _COLUMNS:
                seen.setdefault(name, set()).add(str(value))
    return {kind: sorted(name for name, found in seen.items() if len(found) > 1) for kind, seen in values.items()}


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def winner(best: Best) -> Group:
    """The best trial and the code that reproduces it."""
    trial = best.trial
    title = f"Trial {trial.number} is best: {trial.schedule['type']}, validation loss {trial.value:.4f}. In PyTorch:"
    ties = ", ".join(str(tie.number) for tie in best.ties)
    note = [Text(f"Noise cannot tell it from: trial {ties}\n")] if ties else []
    return Group(Text(f"\n{title}\n", style="bold"), Text(best.code), *note)


def sweep_table(sweeps: list[SweepView]) -> Table:
    """Sweeps, newest first."""
    table = Table()
    for name in ("id", "name", "state", "trials", "best", "submitted", "by"):
        table.add_column(name, justify="right" if name in {"id", "trials", "best"} else "left")
    for sweep in sweeps:
        progress = sweep.progress
        table.add_row(
            str(sweep.id),
            plain(sweep.name),
            sweep.state if sweep.waits_for is None else f"{sweep.state}: {plain(sweep.waits_for)}",
            f"{progress.trials_done}/{progress.trials_total}",
            "-" if progress.best_value is None else f"{progress.best_value:.4f}",
            f"{_duration((datetime.now(UTC) - sweep.created_at).total_seconds())} ago",
            plain(f"{sweep.team}/{sweep.user}"),
        )
    return table


def cluster_table(queue: QueueView, workers: list[WorkerView]) -> Table:
    """Who trains what, and what waits."""
    table = Table(title=f"{queue.queued_runs} runs wait, {queue.running_runs} train", title_justify="left")
    for name in ("worker", "device", "lanes", "updates/s", "waits for MLflow", "state"):
        table.add_column(name)
    for worker in workers:
        table.add_row(
            plain(worker.name),
            plain(f"{worker.device} ({worker.device_name})"),
            f"{worker.lanes_in_use}/{worker.lanes}",
            f"{worker.updates_per_second:.0f}",
            backlog(worker),
            worker.state,
        )
    return table


def backlog(worker: WorkerView) -> str:
    """How much of a worker's metrics MLflow has not taken yet, and for how long; '-' for less than a few seconds."""
    if worker.backlog_seconds < NEWS_SECONDS:
        return "-"
    return f"{worker.backlog_bytes / 2**20:.1f} MiB, {_duration(worker.backlog_seconds)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
