"""Sweeps: submitted, listed, looked at, cancelled."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Select, Text, bindparam, cast, exists, func, or_, select, update
from sqlalchemy.orm import Session

from service.domain import corpora, descriptions, placement, progress, results, shares, siblings, tally, usage
from service.domain.access import Principal
from service.domain.corpora import Source
from service.domain.plan import Plan
from service.domain.space import Configuration
from service.errors import ConflictError, ForbiddenError, NotFoundError
from service.store import bulk, clock
from service.store.tables import ENDED_SWEEP_STATES, Attempt, Event, Run, Sweep, Team, Trial, User
from service.wire.sweep import SweepSpec
from service.wire.views import Finding, SweepPage, SweepView

_UNSYNCHRONISED = {"synchronize_session": False}


def submit(
    session: Session,
    principal: Principal,
    plan: Plan,
    text: Source,
    key: str | None = None,
    origin: Mapping[str, int] = MappingProxyType({}),
) -> Sweep:
    """Store a sweep; a grid's trials and runs are queued at once, those of other samplers when workers ask.

    The audit trail notes its `origin`.

    Raises:
        ConflictError: the idempotency key `key` was used by this team for another sweep.
    """
    assert principal.team_id is not None
    assert principal.user_id is not None
    spec = plan.space.spec
    stored: dict[str, Any] = spec.model_dump(mode="json", by_alias=True)
    if key is not None:
        # Two submissions with one key at the same time: the second waits here and then finds the first's sweep.
        session.execute(select(Team.id).where(Team.id == principal.team_id).with_for_update(key_share=True))
        earlier = session.scalar(select(Sweep).where(Sweep.team_id == principal.team_id, Sweep.idempotency_key == key))
        if earlier is not None:
            if SweepSpec.model_validate(earlier.submitted or earlier.spec) != spec:
                raise ConflictError(
                    f"the Idempotency-Key {key} belongs to sweep {earlier.id}, which differs; use another"
                )
            return earlier
    now = clock.now(session)
    sweep = Sweep(
        team_id=principal.team_id,
        user_id=principal.user_id,
        name=spec.name,
        spec=stored,
        findings=[finding.model_dump() for finding in plan.findings],
        shape=plan.shape,
        requirement=spec.resources.key,
        corpus=corpora.record(session, text),
        priority=spec.priority,
        state="queued",
        trials_total=plan.trials,
        trials_made=0,
        updates_total=plan.updates,
        warm=list(plan.inherited),
        idempotency_key=key,
        created_at=now,
    )
    session.add(sweep)
    session.flush()
    add_trials(session, sweep, plan.grid)
    detail = dict(origin)
    session.add(Event(at=now, kind="sweep.submitted", sweep_id=sweep.id, user_id=principal.user_id, detail=detail))
    return sweep


def add_trials(
    session: Session, sweep: Sweep, configurations: Sequence[Configuration], optuna_numbers: Sequence[int] = ()
) -> None:
    """Queue trials, and a run of each for every replicate. All trials of a sweep share their seeds: they are paired.

    The runs of a paused sweep are paused.
    """
    now = clock.now(session)
    spec, paused = sweep.spec, sweep.state == "paused"
    numbers = range(sweep.trials_made, sweep.trials_made + len(configurations))
    trials = [
        {
            "sweep_id": sweep.id,
            "number": number,
            "optuna_number": optuna_numbers[index] if optuna_numbers else None,
            "params": configuration.point,
            "schedule": configuration.schedule,
            "optimizer": configuration.optimizer,
            "state": "queued",
        }
        for index, (number, configuration) in enumerate(zip(numbers, configurations, strict=True))
    ]
    bulk.add(session, Trial, trials)
    ids = session.scalars(
        select(Trial.id).where(Trial.sweep_id == sweep.id, Trial.number >= sweep.trials_made).order_by(Trial.number)
    ).all()
    trunks = siblings.trunks(sweep.id, configurations, min(spec["total_steps"]["values"]))
    runs = [
        {
            "sweep_id": sweep.id,
            "trial_id": ids[index],
            "team_id": sweep.team_id,
            "trunk": f"{trunks[index]}-{replicate}",
            "replicate": replicate,
            "seed": (spec["seed"] + replicate) % 2**32,
            "shape": sweep.shape,
            "requirement": sweep.requirement,
            "priority": sweep.priority,
            "state": "paused" if paused else "queued",
            "paused": paused,
            "total_steps": configurations[index].schedule["total_steps"],
            "created_at": now,
        }
        for index, replicate in siblings.handing_out(configurations, spec["replicates"])
    ]
    bulk.add(session, Run, runs)
    tally.add(sweep, len(runs))
    sweep.trials_made += len(configurations)
    sweep.asking = sweep.trials_made < sweep.trials_total and not paused
    session.flush()


def exhaust(session: Session, sweep: Sweep) -> None:
    """Content a sweep with the trials that it has: its space has no configuration left. It may end by that."""
    detail = {"ordered": sweep.trials_total, "made": sweep.trials_made}
    updates = session.scalar(select(func.sum(Run.total_steps)).where(Run.sweep_id == sweep.id)) or 0
    sweep.trials_total, sweep.updates_total, sweep.asking = sweep.trials_made, updates, False
    session.add(Event(at=clock.now(session), kind="sweep.exhausted", sweep_id=sweep.id, detail=detail))
    session.flush()
    results.settle_sweep(session, sweep)


def find(session: Session, principal: Principal, sweep_id: int) -> Sweep:
    """A sweep that the caller may see.

    Raises:
        NotFoundError: there is none of this number, or it is another team's.
    """
    sweep = session.get(Sweep, sweep_id) if sweep_id < 2**63 else None
    if sweep is None or not principal.may_see(sweep.team_id):
        raise _none(sweep_id)
    return sweep


class Glance(NamedTuple):
    """What the pages of a sweep's trials need of the sweep."""

    id: int
    team_id: int
    replicates: int
    trials_made: int
    mlflow_experiment_id: str | None

    @classmethod
    def at(cls, sweep: Sweep) -> "Glance":
        """A glance at a sweep that has been read."""
        return cls(sweep.id, sweep.team_id, sweep.spec["replicates"], sweep.trials_made, sweep.mlflow_experiment_id)


def glance(session: Session, principal: Principal, sweep_id: int) -> Glance:
    """A glance at a sweep that the caller may see.

    Raises:
        NotFoundError: as `find`.
    """
    row = session.execute(_glance(), {"sweep": sweep_id}).one_or_none()
    if row is None or not principal.may_see(row.team_id):
        raise _none(sweep_id)
    return Glance(*row)


def locked(session: Session, principal: Principal, sweep_id: int) -> Sweep:
    """A sweep that the caller may see, locked: nobody else changes it before this transaction ends.

    Raises:
        NotFoundError: as `find`.
    """
    find(session, principal, sweep_id)
    query = select(Sweep).where(Sweep.id == sweep_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def lock_leased(session: Session, sweep_id: int) -> None:
    """Lock a sweep's runs that have a lease, in the order in which reports do: neither waits for the other for ever."""
    leased = select(Run.id).where(Run.sweep_id == sweep_id, Run.state == "running")
    session.scalars(leased.order_by(Run.id).with_for_update()).all()


def mark_running(session: Session, sweep_ids: Sequence[int]) -> None:
    """Note that workers have begun with queued sweeps."""
    session.execute(update(Sweep).where(Sweep.id.in_(sweep_ids), Sweep.state == "queued").values(state="running"))


def cancel(session: Session, principal: Principal, sweep_id: int) -> Sweep:
    """End a sweep now: queued runs never start, running ones are stopped at their workers' next report. Idempotent.

    Raises:
        NotFoundError: as `find`.
    """
    sweep = locked(session, principal, sweep_id)
    if sweep.state in ENDED_SWEEP_STATES:
        return sweep
    now = clock.now(session)
    # The study never heard of a grid's trials that did not begin, nor MLflow of their runs: nothing to tell them.
    begun = or_(Trial.optuna_number.is_not(None), exists().where(Run.trial_id == Trial.id, Run.attempt > 0))
    waiting = update(Trial).where(Trial.sweep_id == sweep_id, Trial.state == "queued")
    session.execute(waiting.values(state="cancelled", to_tell=begun), execution_options=_UNSYNCHRONISED)
    leased = select(Run.id).where(Run.sweep_id == sweep_id, Run.state == "running")
    lock_leased(session, sweep_id)
    reached, seconds, joules = (
        select(column).where(Run.id == Attempt.run_id).scalar_subquery()
        for column in (Run.step, Run.attempt_seconds, Run.attempt_joules)
    )
    attempts = update(Attempt).where(Attempt.run_id.in_(leased), Attempt.ended_at.is_(None))
    ended = attempts.values(ended_at=now, outcome="cancelled", step=reached, device_seconds=seconds, joules=joules)
    session.execute(ended, execution_options=_UNSYNCHRONISED)
    unended = update(Run).where(Run.sweep_id == sweep_id, Run.state.in_(["queued", "running", "paused"]))
    session.execute(
        unended.values(state="cancelled", paused=False, ended_at=now, lane_share=0, to_track=Run.attempt > 0),
        execution_options=_UNSYNCHRONISED,
    )
    tally.recount(session, sweep)
    sweep.state = "cancelled"
    sweep.asking = False
    sweep.finished_at = now
    session.add(Event(at=now, kind="sweep.cancelled", sweep_id=sweep_id, user_id=principal.user_id, detail={}))
    session.flush()
    return sweep


def page(
    session: Session, principal: Principal, mlflow_url: str | None, cursor: int | None, limit: int, state: str | None
) -> SweepPage:
    """Sweeps that the caller may see, newest first, below the sweep number `cursor`."""
    query = select(Sweep.id).order_by(Sweep.id.desc()).limit(limit + 1)
    if principal.role != "admin":
        query = query.where(Sweep.team_id == principal.team_id)
    if cursor is not None:
        query = query.where(Sweep.id < cursor)
    if state is not None:
        query = query.where(Sweep.state == state)
    found = session.scalars(query).all()
    shown = found[:limit]
    return SweepPage(items=views(session, shown, mlflow_url), next_cursor=shown[-1] if len(found) > limit else None)


def views(session: Session, sweep_ids: Sequence[int], mlflow_url: str | None) -> list[SweepView]:
    """Sweeps as they are shown, each with its progress."""
    rows = {row.id: row for row in session.execute(_shown(), {"ids": sweep_ids})}
    specs = {row.id: descriptions.spec_from(row.spec) for row in rows.values()}
    still = [row for row in rows.values() if row.state in placement.OPEN]
    unserved = placement.reasons(session, {row.requirement: specs[row.id].resources for row in still})
    limited = {row.team_id for row in still if row.lane_quota is not None or row.hour_quota is not None}
    why = shares.reasons(session, limited) if limited else {}
    waits_for = {row.id: unserved[row.requirement] or why.get(row.team_id) for row in still}
    return [
        SweepView(
            id=row.id,
            name=row.name,
            state=row.state,
            team=row.team,
            user=row.user,
            priority=row.priority,
            created_at=row.created_at,
            finished_at=row.finished_at,
            spec=specs[row.id],
            progress=progress.of_row(row),
            device_seconds=row.device_seconds or 0.0,
            joules=row.joules,
            waits_for=waits_for.get(row.id),
            findings=[Finding.model_validate(finding) for finding in row.findings],
            mlflow_url=experiment_url(mlflow_url, row.mlflow_experiment_id),
        )
        for row in map(rows.__getitem__, sweep_ids)
    ]


def _none(sweep_id: int) -> NotFoundError:
    return NotFoundError(f"there is no sweep {sweep_id}; GET /api/v1/sweeps lists yours")


@cache
def _glance() -> Select[*tuple[Any, ...]]:
    columns = Sweep.id, Sweep.team_id, Sweep.spec["replicates"].as_integer(), Sweep.trials_made
    return select(*columns, Sweep.mlflow_experiment_id).where(Sweep.id == bindparam("sweep"))


@cache
def _shown() -> Select[*tuple[Any, ...]]:
    """What is shown of sweeps; their specifications as they are stored, since most have been read before."""
    named = Team.name.label("team"), User.name.label("user"), Team.lane_quota, Team.hour_quota
    spec, times = cast(Sweep.spec, Text).label("spec"), (Sweep.created_at, Sweep.finished_at)
    plain = Sweep.id, Sweep.team_id, Sweep.name, Sweep.priority, Sweep.requirement, Sweep.findings
    query = select(*plain, *times, *named, spec, Sweep.mlflow_experiment_id)
    query = query.join(Team, Sweep.team_id == Team.id).join(User, Sweep.user_id == User.id)
    return usage.with_costs(progress.with_progress(query))


def experiment_url(mlflow_url: str | None, experiment_id: str | None) -> str | None:
    """Where MLflow compares a sweep's runs."""
    if mlflow_url is None or experiment_id is None:
        return None
    return f"{mlflow_url.rstrip('/')}/#/experiments/{experiment_id}/runs?compareRunsMode=CHART"


def demand_member(principal: Principal) -> None:
    """Raise ForbiddenError for a token that belongs to no user."""
    if principal.user_id is None:
        raise ForbiddenError("this token belongs to no user; use a user's token of role member")
