"""The layout: where each parameter of the plain twin lies in a lane's row.

Tensor names: K lanes, N floats of a row.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain

import torch
from torch import Tensor

from worker.lanes.plain import Transformer, decayed
from worker.lanes.shape import Shape

_ALIGNMENT = 16  # floats: equal alignment in every row, so that a product's rounding cannot depend on the row


@dataclass(frozen=True)
class Slot:
    """One parameter's place in the row: its first float, and the shape it has in the plain twin."""

    name: str
    offset: int
    shape: torch.Size


@dataclass(frozen=True)
class Layout:
    """All parameters of a run in one row of ``size`` floats; the first ``decayed`` floats take weight decay.

    Rows and parameters start on multiples of 64 bytes; the gaps between them stay zero.
    """

    slots: tuple[Slot, ...]
    decayed: int
    size: int

    def views(self, row_KN: Tensor) -> dict[str, Tensor]:
        """Return each parameter of every lane, [K, *shape], as a view; one cat is their whole backward pass."""
        starts = [slot.offset for slot in self.slots]
        widths = [end - start for start, end in zip(starts, [*starts[1:], self.size], strict=True)]
        pieces = row_KN.split_with_sizes(widths, dim=1)
        return {
            slot.name: piece_KW[:, : slot.shape.numel()].view(-1, *slot.shape)
            for slot, piece_KW in zip(self.slots, pieces, strict=True)
        }

    def pack(self, tensors: dict[str, Tensor]) -> Tensor:
        """Return the row [N] of parameters given by name. Raises ValueError when names or shapes do not fit."""
        row_N = torch.zeros(self.size)
        for slot in self.slots:
            tensor = tensors.get(slot.name)
            if tensor is None or tensor.shape != slot.shape:
                found = "nothing" if tensor is None else list(tensor.shape)
                raise ValueError(f"state: {slot.name} should be {list(slot.shape)} for this shape, found {found}")
            row_N[slot.offset : slot.offset + slot.shape.numel()] = tensor.detach().flatten()
        return row_N

    def unpack(self, row_N: Tensor) -> dict[str, Tensor]:
        """Return the parameters of a row [N] by name, copied to the host."""
        return {name: view[0].cpu().clone() for name, view in self.views(row_N[None]).items()}


@lru_cache
def layout_of(shape: Shape) -> Layout:
    """Return the layout of a shape's rows: matrices that take weight decay first, then all others."""
    with torch.device("meta"):
        model = Transformer(shape, seed=0)
    matrices = decayed(model)
    parameters = dict(model.named_parameters())
    names = [*matrices, *(name for name in parameters if name not in matrices)]
    widths = [math.ceil(parameters[name].numel() / _ALIGNMENT) * _ALIGNMENT for name in names]
    offsets = list(accumulate(chain([0], widths)))
    slots = tuple(Slot(name, offset, parameters[name].shape) for name, offset in zip(names, offsets[:-1], strict=True))
    return Layout(slots=slots, decayed=offsets[len(matrices)], size=offsets[-1])
