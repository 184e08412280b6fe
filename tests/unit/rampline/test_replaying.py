"""What `rampline replay` says: the figures explained, and one clear line where a run cannot be replayed."""

from typing import Any

import pytest
from rich.console import Console

from rampline.replaying import ReplayError, as_mapping, explained, replayed
from service.client import Client
from service.wire.description import RunDescription
from service.wire.sweep import Model, Optimizer
from service.wire.views import RunDetail, RunView
from worker.replay import Replay

FOUND = Replay(
    updates=30,
    same_rates=True,
    loss_difference=2e-7,
    loss_difference_at=12,
    norm_difference=1e-6,
    tolerance=1e-5,
    parts_at=None,
)


def detail(*, mlflow: str | None = "http://127.0.0.1:9", **run: Any) -> RunDetail:
    description = RunDescription(
        run_id=7,
        shape="tiny",
        experiment="team/sweep #1",
        team="team",
        user="ann",
        sweep_id=1,
        sweep_name="sweep",
        trial=3,
        replicate=0,
        seed=5,
        schedule={"type": "wsd", "total_steps": 40, "peak_lr": 1e-3},
        model=Model(),
        optimizer=Optimizer(type="adamw"),
        corpus="0" * 64,
        corpus_name="shakespeare",
        batch_size=16,
        val_windows=8,
        eval_every=10,
    )
    given: dict[str, Any] = {
        "id": 7,
        "replicate": 0,
        "seed": 5,
        "state": "completed",
        "step": 40,
        "total_steps": 40,
        "value": 2.0,
        "attempt": 1,
        "attempts": [],
        "outcome": "completed",
        "worker": None,
        "error": None,
        "mlflow_run_id": "a" * 32,
        "mlflow_url": None,
    }
    return RunDetail(run=RunView(**given | run), description=description, mlflow_tracking_url=mlflow)


class Told(Client):
    """Knows one run."""

    def __init__(self, known: RunDetail) -> None:
        self.known = known

    def token_for(self, url: str) -> None:
        return None

    def run(self, run_id: int) -> RunDetail:
        return self.known


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (detail(state="running", step=12), "run 7 has not ended: it is running, with 12 of 40 updates done"),
        (detail(state="queued", step=0), "run 7 has not ended: it is queued"),
        (detail(state="cancelled", mlflow_run_id=None), "no record in MLflow: it was cancelled before it began"),
        (detail(mlflow=None), "the service has no MLflow, so this run has no record; name one with --mlflow"),
        (detail(), "run 7 cannot be replayed: MLflow does not answer at http://127.0.0.1:9"),
    ],
)
def test_a_run_that_cannot_be_replayed_says_why(known: RunDetail, words: str) -> None:
    with pytest.raises(ReplayError, match=words):
        replayed(Told(known), 7, updates=None, mlflow_url=None, progress=Console())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ["the same at every update, exactly", "2e-07 nats per byte, at update 12", "at no update", "rounding"]),
        ({"parts_at": 21}, ["from update 21 on", "They agree for 20 updates", "another order"]),
        ({"parts_at": 1}, ["from update 1 on", "They differ from the start"]),
        ({"same_rates": False}, ["DIFFERENT from the recorded ones", "do not trust this run"]),
    ],
)
def test_the_figures_are_explained(changed: dict[str, Any], words: list[str]) -> None:
    shown = explained(detail(), Replay(**vars(FOUND) | changed))
    assert shown.startswith("Run 7 (trial 3 of sweep 1, wsd, seed 5): completed.\nTrained again alone for 30 of its 40")
    assert "torch.optim.AdamW" in shown
    assert [word for word in words if word not in shown] == []


def test_scripts_get_numbers_or_null() -> None:
    found = Replay(**vars(FOUND) | {"loss_difference": float("inf"), "parts_at": 12})
    assert as_mapping(detail(), found) == {
        "run_id": 7,
        "state": "completed",
        "tolerance": 1e-5,
        "updates": 30,
        "same_rates": True,
        "loss_difference": None,
        "loss_difference_at": 12,
        "norm_difference": 1e-6,
        "parts_at": 12,
    }
