"""What runs train, put together from the rows of the run, its trial and its sweep."""

from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import Row, Select, Text, cast, select
from sqlalchemy.orm import Session

from service.store.among import among
from service.store.tables import Run, Sweep, Team, Trial, User
from service.wire.description import RunDescription
from service.wire.sweep import SweepSpec


def spec_of(sweep: Sweep) -> SweepSpec:
    """A sweep's specification. To check a large one takes longer than to find it, and the stored ones were checked."""
    return spec_from(to_json(sweep.spec).decode())


@lru_cache(maxsize=1024)
def spec_from(stored: str) -> SweepSpec:
    """The same from its JSON."""
    return SweepSpec.model_validate(from_json(stored))


def of_runs(session: Session, run_ids: Collection[int]) -> dict[int, RunDescription]:
    """The descriptions of runs by their ids; of those that there are."""
    return {run_id: RunDescription(**parts(row)) for run_id, row in rows(session, run_ids).items()}


def rows(session: Session, run_ids: Collection[int]) -> dict[int, Row[*tuple[Any, ...]]]:
    """Rows of what describes runs, by their ids, and their sweeps' state as `sweep_state`."""
    return {row.id: row for row in session.execute(_query(), {"ids": run_ids})}


def parts(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """What describes a run, as `RunDescription` takes it."""
    spec = spec_from(row.spec)
    return {
        "run_id": row.id,
        "shape": row.shape,
        "experiment": experiment_name(row.team, row.sweep_name, row.sweep_id),
        "team": row.team,
        "user": row.user,
        "sweep_id": row.sweep_id,
        "sweep_name": row.sweep_name,
        "trial": row.number,
        "replicate": row.replicate,
        "seed": row.seed,
        "schedule": row.schedule,
        "model": spec.model,
        "optimizer": row.optimizer,
        "corpus": row.corpus,
        "corpus_name": spec.data.corpus,
        "batch_size": spec.data.batch_size,
        "val_windows": spec.data.val_windows,
        "eval_every": spec.eval_every or max(1, row.total_steps // 10),
    }


@cache
def _query() -> Select[*tuple[Any, ...]]:
    names = Sweep.name.label("sweep_name"), Team.name.label("team"), User.name.label("user")
    return (
        select(Run.id, Run.shape, Run.replicate, Run.seed, Run.total_steps, Run.sweep_id, *names)
        .add_columns(
            Sweep.state.label("sweep_state"),
            Trial.number,
            Trial.schedule,
            Trial.optimizer,
            Sweep.corpus,
            cast(Sweep.spec, Text).label("spec"),
        )
        .join(Trial, Run.trial_id == Trial.id)
        .join(Sweep, Run.sweep_id == Sweep.id)
        .join(Team, Sweep.team_id == Team.id)
        .join(User, Sweep.user_id == User.id)
        .where(among(Run.id, "ids"))
    )


def experiment_name(team: str, sweep_name: str, sweep_id: int) -> str:
    """The name of a sweep's MLflow experiment."""
    return f"{team}/{sweep_name} #{sweep_id}"


def study_names(team: str, sweep: Sweep) -> list[str]:
    """The names of a sweep's Optuna studies, one for each space that it has had; the last is the one that it has."""
    name = experiment_name(team, sweep.name, sweep.id)
    return [name, *(f"{name} (space {number})" for number in range(2, sweep.study + 2))]
