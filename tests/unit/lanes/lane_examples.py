"""Shapes, plans and a text small enough to train in a test."""

from dataclasses import replace
from functools import cache
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import torch

import schedules
from worker.lanes.alone import Alone
from worker.lanes.batch import LaneBatch
from worker.lanes.data import Corpus
from worker.lanes.log import StepLog
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape

torch.set_num_threads(1)  # the exactness that lanes promise is that of one thread

TEXT = "\n".join(topics.values()).encode()[:200_000]


def shape(**fields: Any) -> Shape:
    return Shape(**{"d_model": 16, "n_layers": 2, "n_heads": 2, "context": 16, "batch_size": 2, **fields})


@cache
def corpus(context: int, first_byte: int = 0) -> Corpus:
    return Corpus(TEXT[first_byte:], context=context, val_windows=8)


def plan(number: int = 0, *, total_steps: int = 20, context: int = 16, peak_lr: float = 1e-2, **fields: Any) -> Plan:
    """A plan that differs from every other number's in all that lanes carry as vectors."""
    schedule = schedules.build(
        {"type": "cosine", "total_steps": total_steps, "warmup_steps": 1 + number, "peak_lr": peak_lr / (1 + number)}
    )
    varied = {
        "schedule": schedule,
        "corpus": corpus(context, 1000 * number),
        "seed": number,
        "data_seed": 7 * number,
        "beta1": (0.9, 0.8, 0.95)[number % 3],
        "beta2": (0.98, 0.999, 0.95)[number % 3],
        "eps": (1e-9, 1e-8, 1e-6)[number % 3],
        "weight_decay": (0.0, 0.1, 0.01)[number % 3],
        "grad_clip": (None, 1.0, 0.25)[number % 3],
        "dropout": (0.0, 0.1, 0.3)[number % 3],
    }
    return Plan(**{**varied, **fields})


def poisoned(number: int = 0, **fields: Any) -> Plan:
    """A plan whose second update meets weights that are not finite."""
    return plan(number, peak_lr=1e38, **fields)


def joined(logs: list[StepLog]) -> StepLog:
    """The log of several advances as one."""
    return StepLog(
        first_update=logs[0].first_update,
        lr=np.concatenate([log.lr for log in logs]),
        train_loss=np.concatenate([log.train_loss for log in logs]),
        grad_norm=np.concatenate([log.grad_norm for log in logs]),
        diverged_at=logs[-1].diverged_at,
    )


def trained_alone(of: Shape, run: Plan, device: str = "cpu") -> tuple[StepLog, dict[str, torch.Tensor]]:
    """The log and final state of a run that never had a neighbour."""
    batch = LaneBatch[str](of, 1, device)
    batch.admit("alone", run)
    log = batch.advance(run.total_steps)["alone"]
    return log, batch.state("alone")


def in_fp64(of: Shape, run: Plan) -> Alone:
    """A run alone on the CPU whose parameters, moments and products are float64, from the same initial weights."""
    alone = Alone(replace(of, precision="fp32"), run)
    alone.model.double()
    return alone


def assert_same_bits(log: StepLog, expected: StepLog) -> None:
    assert log.first_update == expected.first_update
    assert log.diverged_at == expected.diverged_at
    np.testing.assert_array_equal(log.lr, expected.lr)
    np.testing.assert_array_equal(log.train_loss, expected.train_loss)
    np.testing.assert_array_equal(log.grad_norm, expected.grad_norm)


def assert_same_state(state: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert state.keys() == expected.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, expected[name]), name
