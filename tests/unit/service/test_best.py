"""The code that an answer comes with runs, and trains at the rates of the winner."""

from typing import Any

import pytest
import torch

import schedules
from service.domain.best import code

OPTIMIZER: dict[str, Any] = {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-9, "weight_decay": 0.0, "grad_clip": 1.0}
SCHEDULE: dict[str, Any] = {"type": "cosine", "total_steps": 12, "warmup_steps": 3, "peak_lr": 0.01}


class Net(torch.nn.Module):
    """The smallest model with every kind of parameter: its output is the loss of a batch of token ids."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(5, 4)
        self.norm = torch.nn.LayerNorm(4)
        self.head = torch.nn.Linear(4, 5)

    def forward(self, tokens_B: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy of predicting each token from itself."""
        logits_BV: torch.Tensor = self.head(self.norm(self.embedding(tokens_B)))
        return torch.nn.functional.cross_entropy(logits_BV, tokens_B)


def run(schedule: dict[str, Any], optimizer: dict[str, Any]) -> dict[str, Any]:
    """Execute the code with a model and batches, as a reader would."""
    torch.manual_seed(0)
    names: dict[str, Any] = {"model": Net(), "batches": (torch.arange(5) for _ in range(100))}
    exec(compile(code(schedule, optimizer), "answer.py", "exec"), names)
    return names


@pytest.mark.parametrize("kind", ["adam", "adamw"])
@pytest.mark.parametrize("change", [{}, {"weight_decay": 0.1}, {"grad_clip": None}])
def test_the_code_runs_with_the_optimizer_of_the_trial(kind: str, change: dict[str, Any]) -> None:
    given = OPTIMIZER | {"type": kind} | change
    names = run(SCHEDULE, given)
    used = names["optimizer"]
    assert isinstance(used, torch.optim.Optimizer)
    assert type(used).__name__ == {"adam": "Adam", "adamw": "AdamW"}[kind]
    for group in used.param_groups:
        assert (group["betas"], group["eps"]) == ((0.9, 0.98), 1e-9)
    decays = {id(parameter): group["weight_decay"] for group in used.param_groups for parameter in group["params"]}
    net = names["model"]
    assert decays[id(net.head.weight)] == given["weight_decay"]
    assert {decays[id(parameter)] for parameter in (net.head.bias, net.norm.weight, net.embedding.weight)} == {0.0}
    assert ("clip_grad_norm_" in code(SCHEDULE, given)) == (given["grad_clip"] is not None)


def test_the_code_trains_the_whole_schedule() -> None:
    names = run(SCHEDULE, OPTIMIZER)
    assert names["schedule"] == schedules.build(SCHEDULE)
    state = names["optimizer"].state[names["model"].head.weight]
    assert int(state["step"]) == SCHEDULE["total_steps"]


def test_the_code_applies_the_rate_of_each_update(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[float] = []
    step = torch.optim.Adam.step

    def noted(self: torch.optim.Adam, *arguments: Any) -> Any:
        applied.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    run(SCHEDULE, OPTIMIZER)
    assert applied == schedules.build(SCHEDULE).lrs().tolist()
