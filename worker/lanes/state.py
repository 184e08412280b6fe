"""A state: where a lane stands after an update, as one file from which a run goes on bit for bit.

The file is in the safetensors format, which holds numbers and no code. Its tensors are

- the parameters, under the names that ``plain.Transformer`` has:
  ``model.load_state_dict(safetensors.torch.load_file(path), strict=False)`` loads them;
- Adam's moments, as ``exp_avg.NAME`` and ``exp_avg_sq.NAME``, which are torch's words for them;
- the record from update 1 on: ``record.lr`` (float64), ``record.train_loss`` and ``record.grad_norm`` (float32), one
  element an update; ``record.val_loss`` (float64) with the updates after which it was taken in ``record.val_update``.

The metadata of the header has one entry, ``rampline``: JSON with the update and what the writer wanted to say.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from worker.lanes.layout import layout_of
from worker.lanes.log import Past, StepLog
from worker.lanes.shape import Shape

_PREFIXES = {"p": "", "m": "exp_avg.", "v": "exp_avg_sq."}
_RECORD = {"lr": torch.float64, "train_loss": torch.float32, "grad_norm": torch.float32}


@dataclass(frozen=True, kw_only=True)
class State:
    """A lane after ``update`` updates: what ``LaneBatch.restore`` takes, its record so far, and facts for people."""

    update: int
    tensors: Mapping[str, Tensor]
    past: Past
    facts: Mapping[str, Any] = field(default_factory=dict)

    def executed(self, run: str) -> int:
        """Return how many of the updates were executed for this run's own sake, as far as is known."""
        counts = self.facts.get("executed")
        count = counts.get(run) if isinstance(counts, dict) else None
        return count if isinstance(count, int) else 0


def encoded(state: State) -> bytes:
    """Return the file of a state."""
    tensors = {
        own + name[2:]: tensor
        for prefix, own in _PREFIXES.items()
        for name, tensor in state.tensors.items()
        if name.startswith(f"{prefix}.")
    }
    for name in _RECORD:
        parts = [getattr(log, name) for log in state.past.logs]
        tensors[f"record.{name}"] = torch.from_numpy(np.concatenate(parts))
    updates = sorted(state.past.losses)
    tensors["record.val_update"] = torch.tensor(updates, dtype=torch.int64)
    tensors["record.val_loss"] = torch.tensor([state.past.losses[n] for n in updates], dtype=torch.float64)
    return save(tensors, {"rampline": json.dumps({**state.facts, "update": state.update}, sort_keys=True)})


def decoded(content: bytes, shape: Shape) -> State:
    """Return the state in a file. Raises ValueError unless it is a state of a run of this shape."""
    try:
        (size,) = struct.unpack_from("<Q", content)
        facts = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["rampline"])
        tensors = load(content)
        update = int(facts["update"])
        record = {name: _taken(tensors, f"record.{name}", dtype, [update]) for name, dtype in _RECORD.items()}
        counted = tensors["record.val_update"].shape
        val_updates = _taken(tensors, "record.val_update", torch.int64, counted).tolist()
        val_losses = _taken(tensors, "record.val_loss", torch.float64, counted).tolist()
        own = {
            f"{prefix}.{slot.name}": _taken(tensors, name + slot.name, torch.float32, slot.shape)
            for prefix, name in _PREFIXES.items()
            for slot in layout_of(shape).slots
        }
    except (SafetensorError, struct.error, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"it is not a state of this shape ({type(error).__name__}: {error})") from error
    return State(
        update=update,
        tensors={"update": torch.tensor(update), **own},
        past=Past(
            logs=_stretches(record, update, val_updates),
            losses=dict(zip(val_updates, val_losses, strict=True)),
            resumed_from=update,
        ),
        facts=facts,
    )


def _taken(tensors: dict[str, Tensor], name: str, dtype: torch.dtype, shape: torch.Size | list[int]) -> Tensor:
    tensor = tensors[name]
    if tensor.dtype != dtype or list(tensor.shape) != list(shape):
        raise ValueError(f"{name} is {tensor.dtype} {list(tensor.shape)}, it should be {dtype} {list(shape)}")
    return tensor


def _stretches(record: Mapping[str, Tensor], update: int, val_updates: list[int]) -> tuple[StepLog, ...]:
    """Return the record cut where validation losses were taken."""
    cuts = sorted({0, update, *(n for n in val_updates if 0 < n < update)})
    arrays = {name: tensor.numpy() for name, tensor in record.items()}
    return tuple(
        StepLog(
            first_update=first + 1,
            lr=arrays["lr"][first:last],
            train_loss=arrays["train_loss"][first:last],
            grad_norm=arrays["grad_norm"][first:last],
        )
        for first, last in pairwise(cuts)
    )
