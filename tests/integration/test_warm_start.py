"""A sweep that begins with what an older one found: evidence for its sampler, and neither trials nor results."""

from typing import Any

import pytest
from optuna.trial import TrialState

from service.domain.plan import plan
from service.errors import InvalidError
from service.sampling import Sampling
from service.studies import Studies
from service.wire.sweep import SweepSpec
from tests.integration.conftest import Database, Study
from tests.integration.harness import GRID, RANDOM, SPACE, TPE
from tests.integration.living import Living


def findings(living: Living, sweep: int) -> dict[str, str]:
    return {one["code"]: one["message"] for one in living.sweep(sweep).findings if one["code"].startswith("warm-start")}


def test_the_results_that_fit_are_in_the_study_before_the_first_proposal(living: Living, study_of: Study) -> None:
    older = living.submit(GRID)
    worker = living.worker()
    living.train(worker)
    warm: dict[str, Any] = {"warm_start": {"sweep": older}, "space": SPACE | {"schedule": ["linear", "wsd"]}}
    sweep = living.submit(TPE | warm, trials=5)
    assert findings(living, sweep) == {"warm-start-partial": "4 of the 8 results of the older sweep fit this space"}
    living.train(worker)
    living.sampling.tell(sweep)
    told = study_of(f"red/tpe #{sweep}").trials
    inherited, own = told[:4], told[4:]
    values = {trial.number: trial.value for trial in living.trials(older) if trial.schedule["type"] == "linear"}
    assert {trial.user_attrs["trial"]: trial.value for trial in inherited} == values
    assert {(trial.state, trial.user_attrs["sweep"]) for trial in inherited} == {(TrialState.COMPLETE, older)}
    trials = living.trials(sweep)
    assert [trial.number for trial in trials] == list(range(5))
    assert [trial.number for trial in own] == [trial.optuna_number for trial in trials]
    assert living.sweep(sweep).trials_total == 5


def test_a_study_begins_with_them_once_whatever_dies_and_however_it_grows(
    living: Living, study_of: Study, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = living.submit(RANDOM, trials=6)
    worker = living.worker()
    living.train(worker)
    sweep = living.submit(TPE | {"warm_start": {"sweep": older}}, trials=3)
    tell_or_add = Studies.tell_or_add

    def crash(studies: Studies, *given: Any) -> None:
        tell_or_add(studies, *given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Studies, "tell_or_add", crash)
    with pytest.raises(KeyboardInterrupt):
        living.sampling.ask(sweep, 1)
    monkeypatch.undo()
    studies = Studies(database.optuna_url)
    living.sampling = Sampling(living.store, studies)
    living.train(worker)
    living.extend(sweep, trials=5, space={"schedule": ["rex"]})
    living.train(worker)
    living.sampling.tell(sweep)
    studies.close()
    for name, own in ((f"red/tpe #{sweep}", 3), (f"red/tpe #{sweep} (space 2)", 5)):
        told = study_of(name).trials
        assert [trial.user_attrs["outcome"] for trial in told] == ["inherited"] * 6 + ["completed"] * own
        assert [trial.number for trial in told] == list(range(6 + own))


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_grid_takes_nothing_over_and_a_sampler_that_does_not_learn_says_so(living: Living) -> None:
    older = living.submit(RANDOM, trials=3)
    living.train(living.worker())
    with pytest.raises(InvalidError, match="a grid trains all of its points, whatever is known"):
        plan(SweepSpec.model_validate(GRID | {"warm_start": {"sweep": older}}))
    sweep = living.submit(RANDOM | {"warm_start": {"sweep": older}}, data=GRID["data"] | {"val_windows": 8})
    assert findings(living, sweep) == {
        "warm-start-differs": "the older sweep has another data: its values may be of another size",
        "warm-start-unused": "sampler random learns from no trial",
    }


@pytest.mark.parametrize("team", ["mine", "another"])
def test_only_a_sweep_of_ones_own_team_is_inherited(living: Living, team: str) -> None:
    older = living.submit(RANDOM)
    if team == "another":
        living.principal = type(living.principal)(0, "member", "eve", 1, 999)
    wanted = older if team == "another" else 77
    with pytest.raises(InvalidError, match=f"your team has no sweep {wanted}"):
        living.submit(TPE | {"warm_start": {"sweep": wanted}})
