"""Whose the experiments of MLflow are: each is a sweep's, and a sweep is a team's."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store.tables import Sweep, Team


def teams_of(session: Session, experiment_ids: Collection[str]) -> dict[str, int]:
    """The team of each experiment that is a sweep's, by the experiment's id; it never changes."""
    rows = session.execute(
        select(Sweep.mlflow_experiment_id, Sweep.team_id).where(Sweep.mlflow_experiment_id.in_(experiment_ids))
    )
    return {str(experiment_id): team_id for experiment_id, team_id in rows}


def prefix_of(session: Session, team_id: int) -> str:
    """What the names of a team's experiments begin with; see `service.domain.descriptions.experiment_name`."""
    return f"{session.get_one(Team, team_id).name}/"
