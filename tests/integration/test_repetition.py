"""Each configuration is trained once, also where a sampler proposes one again; what was asked of Optuna is told."""

from collections import Counter
from typing import Any

import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from service.domain import sweeps
from service.domain.plan import plan
from service.domain.tried import identity
from service.store.tables import Trial
from service.wire.sweep import SweepSpec
from tests.integration.conftest import Database
from tests.integration.harness import RANDOM, TPE, Harness

# Half of what is proposed is noam, to which peak_lr does not apply: it has two configurations.
MOSTLY_TWO = {
    "schedule": ["noam", "linear"],
    "warmup_steps": [2, 4],
    "peak_lr": {"low": 1e-4, "high": 1e-1, "log": True},
}
SIX = {"schedule": ["linear", "cosine", "wsd"], "warmup_steps": {"low": 2, "high": 3}, "peak_lr": [0.01]}
# The last two write down what is the default: four points, two configurations.
ALIKE = {
    "schedule": ["wsd", "cosine", {"type": "wsd", "decay_fraction": 0.2}, {"type": "cosine", "final_lr": 0.0}],
    "peak_lr": [0.01],
}


def identities(trials: list[Trial]) -> list[bytes]:
    return [identity(trial.schedule, trial.optimizer) for trial in trials]


def states(database: Database, name: str) -> Counter[tuple[TrialState, str]]:
    """What the study says of its trials, with their outcome."""
    storage = RDBStorage(database.optuna_url.replace("postgresql://", "postgresql+psycopg://"))
    trials = storage.get_all_trials(storage.get_study_id_from_name(name))
    storage.engine.dispose()
    return Counter((trial.state, trial.user_attrs["outcome"]) for trial in trials)


@pytest.mark.parametrize("spec", [RANDOM, TPE], ids=["random", "tpe"])
def test_no_configuration_is_trained_twice(harness: Harness, database: Database, spec: dict[str, Any]) -> None:
    sweep = harness.submit(spec, space=MOSTLY_TWO, trials=14)
    assert harness.train(harness.worker(), lanes=3) == 14
    trials = harness.trials(sweep)
    assert len(set(identities(trials))) == len(trials) == 14
    assert [trial.number for trial in trials] == list(range(14))
    harness.sampling.tell(sweep)
    told = states(database, f"red/{spec['name']} #{sweep}")
    assert told[TrialState.COMPLETE, "completed"] == 14
    assert set(told) <= {(TrialState.COMPLETE, "completed"), (TrialState.FAIL, "repeated")}
    assert told[TrialState.FAIL, "repeated"] > 0 or spec is TPE


@pytest.mark.parametrize("spec", [RANDOM, TPE], ids=["random", "tpe"])
def test_a_space_is_trained_to_its_last_configuration(harness: Harness, spec: dict[str, Any]) -> None:
    sweep = harness.submit(spec, space=SIX, trials=6)
    assert harness.train(harness.worker(), lanes=1) == 6
    assert len(set(identities(harness.trials(sweep)))) == 6
    assert harness.sweep(sweep).state == "completed"


def test_more_trials_than_a_space_has_are_not_planned() -> None:
    planned = plan(SweepSpec.model_validate(RANDOM | {"space": SIX, "trials": 50}))
    assert planned.trials == 6
    (finding,) = [one for one in planned.findings if one.code == "fewer-configurations"]
    assert "6 configurations, fewer than the 50 trials" in finding.message


def test_a_sweep_whose_points_say_the_same_twice_ends_when_none_is_left(harness: Harness, database: Database) -> None:
    sweep = harness.submit(RANDOM, space=ALIKE, trials=4, total_steps=20)
    assert harness.train(harness.worker(), lanes=2) == 2
    ended = harness.sweep(sweep)
    assert (ended.state, ended.trials_total, ended.trials_made, ended.updates_total) == ("completed", 2, 2, 40)
    harness.sampling.tell(sweep)
    told = states(database, f"red/random #{sweep}")
    assert told.pop((TrialState.COMPLETE, "completed")) == 2
    assert set(told) == {(TrialState.FAIL, "repeated")}


def test_what_was_asked_for_before_a_crash_is_not_tried_twice(
    harness: Harness, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = harness.submit(RANDOM, space=MOSTLY_TWO, trials=12)
    harness.sampling.ask(sweep, 3)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "add_trials", crash)
    with pytest.raises(KeyboardInterrupt):
        harness.sampling.ask(sweep, 6)
    monkeypatch.undo()
    assert harness.train(harness.worker(), lanes=4) == 12
    harness.sampling.tell(sweep)
    assert len(set(identities(harness.trials(sweep)))) == 12
    assert states(database, f"red/random #{sweep}")[TrialState.COMPLETE, "completed"] == 12


def test_how_workers_claim_does_not_change_what_is_tried(harness: Harness) -> None:
    one, other = (harness.submit(RANDOM, space=MOSTLY_TWO, trials=10) for _ in range(2))
    harness.sampling.ask(one, 10)
    for batch in (3, 1, 6):
        harness.sampling.ask(other, batch)
    assert [trial.params for trial in harness.trials(one)] == [trial.params for trial in harness.trials(other)]
