"""Taking ends back: failed trials that are tried again, and ended sweeps that go on. The only place that does.

A failed run is tried with all the attempts that its cause allows, as if it had not been tried. Its trial's place in the
study is failed for good, so its result goes in under another number there.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain import lifecycle, sweeps, tally
from service.domain.access import Principal
from service.store.tables import ENDED_RUN_STATES, ENDED_SWEEP_STATES, Run, Sweep, Trial


def retry(session: Session, principal: Principal, sweep_id: int) -> Sweep:
    """Queue the failed runs of a sweep again. Those that diverged would diverge again, and stay.

    The caller holds the sweep's study still, with every result told (`Sampling.still`).

    Raises:
        NotFoundError: as `sweeps.find`.
        ConflictError: the sweep was cancelled.
    """
    sweep = sweeps.locked(session, principal, sweep_id)
    lifecycle.demand_not_cancelled(sweep)
    failed = (Run.sweep_id == sweep_id, Run.state == "failed")
    with_failed = select(Trial).where(Trial.sweep_id == sweep_id, Trial.id.in_(select(Run.trial_id).where(*failed)))
    trials = session.scalars(with_failed.order_by(Trial.id).with_for_update(key_share=True)).all()
    runs = session.scalars(select(Run).where(*failed).order_by(Run.id).with_for_update()).all()
    if not runs:
        return sweep
    for trial in trials:
        _reopen_trial(trial)
    for run in runs:
        _reopen_run(run, paused=sweep.state == "paused")
    reopen(sweep)
    tally.recount(session, sweep)
    lifecycle.note(session, principal, sweep, "sweep.retried", trials=len(trials), runs=len(runs))
    return sweep


def reopen(sweep: Sweep) -> None:
    """Let an ended sweep go on: it has something to train again. One that has not ended stays as it is."""
    if sweep.state in ENDED_SWEEP_STATES:
        sweep.state = "running"
        sweep.finished_at = None
        sweep.to_track = True


def _reopen_trial(trial: Trial) -> None:
    if trial.state not in ENDED_RUN_STATES:
        return
    if not trial.to_tell:  # the study knows it as failed, and takes nothing back
        trial.optuna_number = None
    trial.state = "queued"
    trial.to_tell = False
    trial.value = trial.spread = trial.end_number = None


def _reopen_run(run: Run, *, paused: bool) -> None:
    run.state = "paused" if paused else "queued"
    run.paused = paused
    run.forgiven = run.attempt
    run.losses = run.furthest = run.step = 0
    run.cause = run.error = run.worker_id = run.lease_expires_at = run.ended_at = None
    run.to_track = False
