"""Trials written into the tables of Optuna's storage, many in one transaction; `service.studies.records` alone uses it.

Optuna's own calls write one parameter, loss or attribute each: thirty milliseconds for a trial, where a service of a
few hundred workers has fifty trials a second to tell. What is written here reads like what those calls write; tests
compare the two.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy import bindparam as bound

Rows = list[dict[str, Any]]
_STUDIES: Table = models.StudyModel.__table__
_TRIALS: Table = models.TrialModel.__table__
_PARAMS: Table = models.TrialParamModel.__table__
_VALUES: Table = models.TrialValueModel.__table__
_ATTRIBUTES: Table = models.TrialUserAttributeModel.__table__
_INTERMEDIATE: Table = models.TrialIntermediateValueModel.__table__


def add(connection: Connection, study: int, first: int, trials: Sequence[FrozenTrial]) -> None:
    """Add trials to a study with the numbers from `first` on, which must be the next ones."""
    # As Optuna does: whoever numbers a trial holds the study's row.
    connection.execute(select(_STUDIES.c.study_id).where(_STUDIES.c.study_id == study).with_for_update())
    assert first == number_of_next(connection, study), f"study {study} has trials that nobody here asked for"
    rows = [
        {
            "study_id": study,
            "number": number,
            "state": trial.state,
            "datetime_start": _local(trial.datetime_start),
            "datetime_complete": _local(trial.datetime_complete),
        }
        for number, trial in enumerate(trials, first)
    ]
    made = connection.execute(insert(_TRIALS).returning(_TRIALS.c.trial_id, sort_by_parameter_order=True), rows)
    by_id = dict(zip(made.scalars(), trials, strict=True))
    params: Rows = [
        {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": trial.distributions[name].to_internal_repr(value),
            "distribution_json": distribution_to_json(trial.distributions[name]),
        }
        for trial_id, trial in by_id.items()
        for name, value in trial.params.items()
    ]
    _insert(connection, _PARAMS, params)
    _insert(connection, _VALUES, _values((key, trial.value) for key, trial in by_id.items()))
    _insert(connection, _ATTRIBUTES, _attributes((key, trial.user_attrs) for key, trial in by_id.items()))
    _insert(connection, _INTERMEDIATE, _intermediate((key, one.intermediate_values) for key, one in by_id.items()))


def end(connection: Connection, study: int, ended: Mapping[int, FrozenTrial]) -> set[int]:
    """Write how trials of a study ended, by their numbers; one that has ended already stays as it is.

    Returns the numbers that the study has.
    """
    known = select(_TRIALS.c.trial_id, _TRIALS.c.number, _TRIALS.c.state)
    known = known.where(_TRIALS.c.study_id == study, _TRIALS.c.number.in_(ended)).order_by(_TRIALS.c.trial_id)
    found = connection.execute(known.with_for_update()).all()
    by_id = {trial_id: ended[number] for trial_id, number, state in found if not state.is_finished()}
    if by_id:
        # A call of Optuna's own that was cut short may have left a part of them.
        for table in (_ATTRIBUTES, _INTERMEDIATE):
            connection.execute(delete(table).where(table.c.trial_id.in_(by_id)))
        _insert(connection, _VALUES, _values((key, trial.value) for key, trial in by_id.items()))
        _insert(connection, _ATTRIBUTES, _attributes((key, trial.user_attrs) for key, trial in by_id.items()))
        _insert(connection, _INTERMEDIATE, _intermediate((key, one.intermediate_values) for key, one in by_id.items()))
        states = update(_TRIALS).where(_TRIALS.c.trial_id == bound("its_id"))
        states = states.values(state=bound("its_state"), datetime_complete=bound("its_end"))
        rows = [
            {"its_id": key, "its_state": trial.state, "its_end": _local(trial.datetime_complete)}
            for key, trial in by_id.items()
        ]
        connection.execute(states, rows)
    return {number for _, number, _ in found}


def number_of_next(connection: Connection, study: int) -> int:
    """The number that a study's next trial gets."""
    highest = connection.scalar(select(func.max(_TRIALS.c.number)).where(_TRIALS.c.study_id == study))
    return 0 if highest is None else highest + 1


def _insert(connection: Connection, table: Table, rows: Rows) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _values(values: Iterable[tuple[int, float | None]]) -> Rows:
    rows = []
    for trial_id, value in values:
        if value is not None:
            stored, kind = models.TrialValueModel.value_to_stored_repr(value)
            rows.append({"trial_id": trial_id, "objective": 0, "value": stored, "value_type": kind})
    return rows


def _attributes(attributes: Iterable[tuple[int, Mapping[str, Any]]]) -> Rows:
    return [
        {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
        for trial_id, its in attributes
        for key, value in its.items()
    ]


def _intermediate(losses: Iterable[tuple[int, Mapping[int, float]]]) -> Rows:
    rows = []
    for trial_id, its in losses:
        for step, value in its.items():
            stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
            row = {"trial_id": trial_id, "step": step, "intermediate_value": stored, "intermediate_value_type": kind}
            rows.append(row)
    return rows


def _local(moment: datetime | None) -> datetime | None:
    """A moment as Optuna writes it: in the machine's own time, without a zone."""
    return moment if moment is None or moment.tzinfo is None else moment.astimezone().replace(tzinfo=None)
