"""What runs train, put together from the rows of the run, its trial and its sweep."""

from collections.abc import Collection
from functools import lru_cache

from pydantic_core import from_json, to_json
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store.among import among
from service.store.tables import Run, Sweep, Team, Trial, User
from service.wire.description import RunDescription
from service.wire.sweep import Optimizer, SweepSpec


def spec_of(sweep: Sweep) -> SweepSpec:
    """A sweep's specification. To check a large one takes longer than to find it, and the stored ones were checked."""
    return spec_from(to_json(sweep.spec).decode())


@lru_cache(maxsize=1024)
def spec_from(stored: str) -> SweepSpec:
    """The same from its JSON."""
    return SweepSpec.model_validate(from_json(stored))


def of_runs(session: Session, run_ids: Collection[int]) -> dict[int, RunDescription]:
    """The descriptions of runs by their ids; of those that there are."""
    rows = session.execute(
        select(Run, Trial, Sweep, Team.name, User.name)
        .join(Trial, Run.trial_id == Trial.id)
        .join(Sweep, Run.sweep_id == Sweep.id)
        .join(Team, Sweep.team_id == Team.id)
        .join(User, Sweep.user_id == User.id)
        .where(among(Run.id, run_ids))
    )
    specs: dict[int, SweepSpec] = {}
    descriptions = {}
    for run, trial, sweep, team, user in rows:
        spec = specs.get(sweep.id) or specs.setdefault(sweep.id, spec_of(sweep))
        descriptions[run.id] = RunDescription(
            run_id=run.id,
            shape=run.shape,
            experiment=experiment_name(team, sweep.name, sweep.id),
            team=team,
            user=user,
            sweep_id=sweep.id,
            sweep_name=sweep.name,
            trial=trial.number,
            replicate=run.replicate,
            seed=run.seed,
            schedule=trial.schedule,
            model=spec.model,
            optimizer=Optimizer.model_validate(trial.optimizer),
            corpus=sweep.corpus,
            corpus_name=spec.data.corpus,
            batch_size=spec.data.batch_size,
            val_windows=spec.data.val_windows,
            eval_every=spec.eval_every or max(1, run.total_steps // 10),
        )
    return descriptions


def experiment_name(team: str, sweep_name: str, sweep_id: int) -> str:
    """The name of a sweep's MLflow experiment."""
    return f"{team}/{sweep_name} #{sweep_id}"


def study_names(team: str, sweep: Sweep) -> list[str]:
    """The names of a sweep's Optuna studies, one for each space that it has had; the last is the one that it has."""
    name = experiment_name(team, sweep.name, sweep.id)
    return [name, *(f"{name} (space {number})" for number in range(2, sweep.study + 2))]
