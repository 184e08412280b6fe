"""What ended runs add up to: a trial's value once all of its replicates have ended, and the end of a sweep."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, stdev

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, defer

from service.domain import tally
from service.store import clock
from service.store.among import among
from service.store.tables import ENDED_RUN_STATES, ENDED_SWEEP_STATES, Run, Sweep, Trial, in_state
from service.wire.views import RunState

# A trial's state is the first of these that one of its runs has: a lost replicate spoils the comparison.
_PRECEDENCE: tuple[RunState, ...] = ("cancelled", "failed", "diverged", "pruned", "completed")


@dataclass(frozen=True)
class Locked:
    """Sweeps and trials that are locked, by their ids."""

    sweeps: Mapping[int, Sweep]
    trials: Mapping[int, Trial]


def lock(session: Session, run_ids: Collection[int]) -> Locked:
    """Lock the sweeps and trials of runs that are about to end, before the runs themselves are locked."""
    if not run_ids:
        return Locked({}, {})
    sweeps, trials = _of_runs()
    return Locked(
        {one.id: one for one in session.scalars(sweeps, {"ids": run_ids})},
        {one.id: one for one in session.scalars(trials, {"ids": run_ids})},
    )


@cache
def _of_runs() -> tuple[Select[Sweep], Select[Trial]]:
    its_sweep, its_trial = (
        select(column).where(among(Run.id, "ids")).scalar_subquery() for column in (Run.sweep_id, Run.trial_id)
    )
    sweeps = select(Sweep).where(Sweep.id.in_(its_sweep)).order_by(Sweep.id).with_for_update(key_share=True)
    trials = select(Trial).where(Trial.id.in_(its_trial)).order_by(Trial.id).with_for_update(key_share=True)
    # How a trial is configured does not matter to how it ends.
    needed = trials.options(*(defer(column) for column in (Trial.params, Trial.schedule, Trial.optimizer)))
    return sweeps.execution_options(populate_existing=True), needed.execution_options(populate_existing=True)


def settle(session: Session, runs: Sequence[Run], locked: Locked) -> None:
    """Count runs that have just ended, give trials whose runs have all ended their state and value, and end sweeps."""
    if not runs:
        return
    runs = [*runs, *_end_waiting(session, {run.trial_id for run in runs if run.state == "pruned"})]
    trials = [locked.trials[trial_id] for trial_id in {run.trial_id for run in runs}]
    trials.sort(key=lambda trial: (trial.sweep_id, trial.number))
    sweeps = {trial.sweep_id: locked.sweeps[trial.sweep_id] for trial in trials}
    replicates = _replicates(session, runs, sweeps)
    for trial in trials:
        sweep = sweeps[trial.sweep_id]
        if settle_trial(trial, replicates[trial.id], sweep.spec["objective"]["mode"]):
            sweep.trials_ended += 1
            sweep.trials_done += 1
            trial.end_number = sweep.trials_ended
    for sweep in sweeps.values():
        tally.end(sweep, [run for run in runs if run.sweep_id == sweep.id])
    session.flush()
    for sweep in sweeps.values():
        settle_sweep(session, sweep)
    session.flush()


def _replicates(session: Session, runs: Sequence[Run], sweeps: Mapping[int, Sweep]) -> dict[int, list[Run]]:
    """All runs of the trials of some runs, by the trials' ids; most trials have one, which is known."""
    several = {run.trial_id for run in runs if sweeps[run.sweep_id].spec["replicates"] > 1}
    found = {run.trial_id: [run] for run in runs if run.trial_id not in several}
    if several:
        for run in session.scalars(select(Run).where(among(Run.trial_id, several)).order_by(Run.replicate)):
            found.setdefault(run.trial_id, []).append(run)
    return found


def _end_waiting(session: Session, trial_ids: Collection[int]) -> Sequence[Run]:
    """End the queued runs of pruned trials; one that is just being claimed is pruned when it first reports."""
    if not trial_ids:
        return []
    query = select(Run).where(among(Run.trial_id, trial_ids), in_state(Run.state, "queued")).order_by(Run.id)
    now = clock.now(session)
    waiting = session.scalars(query.with_for_update(skip_locked=True)).all()
    for run in waiting:
        run.state = "pruned"
        run.ended_at = now
        run.to_track = run.attempt > 0
    session.flush()
    return waiting


def settle_trial(trial: Trial, runs: Sequence[Run], mode: str) -> bool:
    """Set a trial's state, its value (the mean over replicates) and their spread, if all of its runs have ended.

    Returns whether it has ended now.

    The spread is the sample standard deviation (n - 1). A diverged run counts with its initial loss, whatever `mode`. A
    pruned trial has the mean of the runs that completed or, where none did, of the losses at which runs were pruned.
    """
    states = {run.state for run in runs}
    if trial.state in ENDED_RUN_STATES or not states <= set(ENDED_RUN_STATES):
        return False
    trial.state = next(state for state in _PRECEDENCE if state in states)
    trial.to_tell = True
    counted = [run for run in runs if run.state != "pruned"] or runs
    values = [value for run in counted if (value := run_value(run, mode)) is not None]
    lacking = not values or (len(values) < len(counted) and trial.state != "pruned")
    if trial.state in ("cancelled", "failed") or lacking:
        return True
    trial.value = fmean(values)
    trial.spread = stdev(values) if len(values) > 1 else None
    return True


def run_value(run: Run, mode: str) -> float | None:
    """What a run contributes: its last validation loss or its best one; a diverged run, its initial loss."""
    if run.state == "completed" and mode == "best" and run.best_value is not None:
        return min(run.best_value, run.value if run.value is not None else math.inf)
    if run.value is None and run.state == "diverged":
        return run.initial_value
    return run.value


def settle_sweep(session: Session, sweep: Sweep) -> None:
    """End a sweep if all of its trials have ended and no more are to come."""
    if sweep.state in ENDED_SWEEP_STATES or sweep.trials_made < sweep.trials_total:
        return
    in_sweep = Trial.sweep_id == sweep.id
    if session.scalar(select(exists().where(in_sweep, Trial.state.in_(["queued", "running"])))):
        return
    useful = session.scalar(select(exists().where(in_sweep, Trial.state != "failed")))
    sweep.state = "completed" if useful else "failed"
    sweep.finished_at = clock.now(session)
