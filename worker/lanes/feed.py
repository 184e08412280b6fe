"""The feed: what lanes are given for their next updates. Texts stay on the device; only numbers travel.

Tensor names: K lanes, U updates, B batch, S = context + 1 bytes of a window, W validation windows, C coefficients,
G lanes that read one text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.lanes.data import Corpus
from worker.lanes.dropout import Dropout, update_seeds
from worker.lanes.optimizer import coefficients
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape


@dataclass(frozen=True, kw_only=True)
class Share:
    """One lane's part of a stretch: its plan, its next update, and the rates of the updates."""

    plan: Plan
    first_update: int
    lr_U: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What K lanes are given for U updates, on their device: windows (uint8), coefficients and dropout.

    ``seeds_UK`` and ``dropout_K`` are those of ``Dropout``; ``drops`` says whether any lane's rate is above 0.
    """

    windows_UKBS: Tensor
    table_UCK: Tensor
    seeds_UK: Tensor
    dropout_K: Tensor
    drops: bool

    @property
    def updates(self) -> int:
        """Return the number of updates, U."""
        return len(self.windows_UKBS)

    @property
    def lanes(self) -> int:
        """Return the number of lanes, K."""
        return self.windows_UKBS.shape[1]

    def dropout(self, u: int, lanes: slice) -> Dropout | None:
        """Return what drops out in update ``u`` of the stretch (from 0), None for nothing."""
        return Dropout(self.seeds_UK[u, lanes], self.dropout_K[lanes]) if self.drops else None


class Feed:
    """Makes stretches for lanes of one shape on one device; it keeps the texts that they read."""

    def __init__(self, shape: Shape, device: torch.device) -> None:
        self._shape = shape
        self._device = device
        self._texts: dict[tuple[str, float], Tensor] = {}
        self._span_S = torch.arange(shape.context + 1, device=device)

    def stretch(self, shares: Sequence[Share]) -> Stretch:
        """Return what the lanes are given for the updates that their shares have rates for, equally many each."""
        updates = len(shares[0].lr_U)
        optimizer = self._shape.optimizer
        tables = [coefficients(optimizer, share.plan, share.lr_U, share.first_update) for share in shares]
        seeds = [update_seeds(share.plan.seed, share.first_update, updates) for share in shares]
        rates = [share.plan.dropout for share in shares]
        return Stretch(
            windows_UKBS=self._windows(shares, updates),
            table_UCK=self._send(np.stack(tables, axis=2).astype(np.float32)),
            seeds_UK=self._send(np.stack(seeds, axis=1)),
            dropout_K=self._send(np.array(rates, dtype=np.float32)),
            drops=any(rates),
        )

    def held_out(self, corpora: Sequence[Corpus]) -> Tensor:
        """Return the validation windows [K, W, S] (uint8) of corpora that have equally many of them."""
        return self._send(np.stack([corpus.held_out_windows for corpus in corpora]))

    def _windows(self, shares: Sequence[Share], updates: int) -> Tensor:
        readers: dict[tuple[str, float], list[int]] = {}
        corpora: dict[tuple[str, float], Corpus] = {}
        starts = np.empty((updates, len(shares), self._shape.batch_size), np.int64)
        for lane, share in enumerate(shares):
            corpus = share.plan.corpus
            name = (corpus.digest, corpus.held_out)
            corpora[name] = corpus
            readers.setdefault(name, []).append(lane)
            starts[:, lane] = corpus.starts(share.plan.data_seed, share.first_update, updates, self._shape.batch_size)
        self._texts = {
            name: self._texts[name] if name in self._texts else self._send(corpus.train.copy())
            for name, corpus in corpora.items()
        }
        starts_UKB = self._send(starts)
        if len(readers) == 1:
            return self._cut(next(iter(self._texts.values())), starts_UKB)
        windows_UKBS = starts_UKB.new_empty((*starts.shape, len(self._span_S)), dtype=torch.uint8)
        for name, lanes in readers.items():
            lanes_G = self._send(np.array(lanes))
            windows_UKBS[:, lanes_G] = self._cut(self._texts[name], starts_UKB[:, lanes_G])
        return windows_UKBS

    def _cut(self, text: Tensor, starts: Tensor) -> Tensor:
        return text[starts[..., None] + self._span_S]

    def _send(self, array: NDArray[Any]) -> Tensor:
        """Return the array on the device; the host does not wait for a transfer from pinned memory."""
        tensor = torch.from_numpy(array)
        if self._device.type != "cuda":
            return tensor.to(self._device)
        return tensor.pin_memory().to(self._device, non_blocking=True)
