"""The lane batch: runs train side by side in one program, admitted and removed between updates.

Tensor names: K lanes (the active ones are always the first rows), N floats of a row, U updates,
S = context + 1 bytes of a window, W validation windows.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schedules.comparison import common_prefix
from worker.lanes.feed import Feed, Share
from worker.lanes.graph import Capturing, Graphs
from worker.lanes.layout import layout_of
from worker.lanes.log import StepLog
from worker.lanes.plain import Transformer
from worker.lanes.plan import Plan, first_difference
from worker.lanes.program import Program
from worker.lanes.shape import Shape

Key = TypeVar("Key", bound=Hashable)


@dataclass(kw_only=True)
class _Lane:
    plan: Plan
    lrs: NDArray[np.float64]
    update: int = 0
    diverged_at: int | None = None

    @property
    def remaining(self) -> int:
        return 0 if self.diverged_at is not None else len(self.lrs) - self.update

    def share(self, updates: int) -> Share:
        lr_U = np.zeros(updates) if self.diverged_at is not None else self.lrs[self.update :][:updates]
        return Share(plan=self.plan, first_update=self.update + 1, lr_U=lr_U)


class LaneBatch(Generic[Key]):
    """Up to ``capacity`` runs of one shape on one device, each at an update of its own.

    A lane computes what ``plain.Transformer`` with torch's optimizer does for the same plan, and on the CPU with
    one thread the same bits whatever its neighbours, its row and the capacity are. Keys are the caller's names
    for runs. The lanes lie in the first rows: when one leaves, the last moves into its place, so that cost
    follows the number of lanes.
    """

    def __init__(self, shape: Shape, capacity: int, device: torch.device | str = "cpu") -> None:
        if capacity < 1:
            raise ValueError(f"capacity: {capacity} lanes cannot train; use at least 1")
        self.shape = shape
        self.capacity = capacity
        self.device = torch.device(device)
        self._layout = layout_of(shape)
        self._feed = Feed(shape, self.device)
        self._program = program_for(shape, self.device)
        # parameters, first and second moments
        self._rows_3KN = torch.zeros(3, capacity, self._layout.size, device=self.device)
        self._alive_K = torch.ones(capacity, dtype=torch.bool, device=self.device)
        self._keys: list[Key] = []
        self._lanes: list[_Lane] = []

    @property
    def free(self) -> int:
        """Return how many more runs can be admitted."""
        return self.capacity - len(self._keys)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Return the keys of the lanes, in the order of their rows."""
        return tuple(self._keys)

    @property
    def remaining(self) -> int:
        """Return how many updates all lanes that are neither finished nor diverged can take; 0 without such."""
        return min((lane.remaining for lane in self._lanes if lane.remaining), default=0)

    def update_of(self, key: Key) -> int:
        """Return the number of updates that the lane has applied."""
        return self._lanes[self._row(key)].update

    def admit(self, key: Key, plan: Plan) -> None:
        """Start a run from its initial weights. Raises ValueError for a corpus cut for another context."""
        model = Transformer(self.shape, plan.seed)
        p_N = self._layout.pack(dict(model.named_parameters())).to(self.device)
        row = self._append(key, plan, update=0)
        self._rows_3KN[0, row] = p_N
        self._rows_3KN[1:, row] = 0

    def remove(self, key: Key) -> None:
        """Free the lane; the last lane moves into its row."""
        row, last = self._row(key), len(self._keys) - 1
        if row != last:
            self._rows_3KN[:, row] = self._rows_3KN[:, last]
            self._alive_K[row] = self._alive_K[last]
            self._keys[row], self._lanes[row] = self._keys[last], self._lanes[last]
        self._keys.pop()
        self._lanes.pop()

    def fork(self, key: Key, new_key: Key, plan: Plan) -> None:
        """Start a run at the update where ``key`` is, from its exact state on the device.

        Raises ValueError unless ``plan`` agrees with the lane's plan in all that decided its updates so far.
        """
        row = self._row(key)
        lane = self._lanes[row]
        _check_agreement(lane.plan, plan, lane.update)
        new_row = self._append(new_key, plan, update=lane.update)
        self._rows_3KN[:, new_row] = self._rows_3KN[:, row]

    def hand_over(self, key: Key, new_key: Key, plan: Plan) -> None:
        """Let the lane of ``key`` go on as another run, which is to agree with it so far; raises as ``fork``."""
        row = self._row(key)
        lane = self._lanes[row]
        _check_agreement(lane.plan, plan, lane.update)
        self._keys[row] = new_key
        self._lanes[row] = replace(lane, plan=plan, lrs=plan.schedule.lrs())

    def advance(self, updates: int) -> dict[Key, StepLog]:
        """Train every lane ``updates`` updates further and return what each did.

        No lane may be asked past its own last update: remove those that have finished. The device is waited for
        once, at the end. A lane whose loss or gradient norm is not finite stays as it was before that update, now
        and in later calls, until it is removed; its neighbours do not notice. If it raises, for want of memory or
        for anything else, every lane is as it was.
        """
        lanes = self._lanes
        if not lanes:
            return {}
        assert updates >= 1
        assert all(lane.remaining >= updates for lane in lanes if lane.diverged_at is None)
        stretch = self._feed.stretch([lane.share(updates) for lane in lanes])
        with self._as_before_if_it_fails():
            results_2UK = self._program.advance(self._rows_3KN, self._alive_K, stretch)
        losses_KU, norms_KU = results_2UK.mT.numpy()
        logs = map(_log, lanes, losses_KU, norms_KU)
        return dict(zip(self._keys, logs, strict=True))

    def evaluate(self, keys: Iterable[Key]) -> dict[Key, float]:
        """Return each lane's mean loss over the held-out windows of its corpus, in nats per byte."""
        rows = {key: self._row(key) for key in keys}
        held_out = {key: self._lanes[row].plan.corpus.held_out_windows for key, row in rows.items()}
        losses: dict[Key, float] = {}
        for count in {len(windows) for windows in held_out.values()}:
            alike = [key for key, windows in held_out.items() if len(windows) == count]
            windows_KWS = self._feed.held_out([self._lanes[rows[key]].plan.corpus for key in alike])
            p_KN = self._rows_3KN[0, [rows[key] for key in alike]]
            losses |= zip(alike, self._program.evaluate(p_KN, windows_KWS).tolist(), strict=True)
        return {key: losses[key] for key in rows}

    def parameters(self, key: Key) -> dict[str, Tensor]:
        """Return the lane's parameters on the host, under the names that ``plain.Transformer`` has."""
        return self._layout.unpack(self._rows_3KN[0, self._row(key)])

    def state(self, key: Key) -> dict[str, Tensor]:
        """Return all that ``restore`` needs, on the host: "update", and "p.", "m." and "v." of each parameter."""
        row = self._row(key)
        state = {"update": torch.tensor(self._lanes[row].update)}
        for prefix, row_N in zip("pmv", self._rows_3KN[:, row].cpu(), strict=True):
            state |= {f"{prefix}.{name}": tensor for name, tensor in self._layout.unpack(row_N).items()}
        return state

    def restore(self, key: Key, plan: Plan, state: Mapping[str, Tensor]) -> None:
        """Go on with a run from a ``state``. Raises ValueError for a state of another shape or a longer run."""
        if "update" not in state:
            raise ValueError("state: it has no update; give what `state` returned")
        update = int(state["update"])
        if not 0 <= update <= plan.total_steps:
            raise ValueError(f"state: it is at update {update}; this run has {plan.total_steps} updates")
        packed = [
            self._layout.pack({name[2:]: tensor for name, tensor in state.items() if name.startswith(f"{prefix}.")})
            for prefix in "pmv"
        ]
        rows_3N = torch.stack(packed).to(self.device)
        row = self._append(key, plan, update=update)
        self._rows_3KN[:, row] = rows_3N

    @contextmanager
    def _as_before_if_it_fails(self) -> Iterator[None]:
        n = len(self._lanes)
        rows_3KN, alive_K = self._rows_3KN[:, :n].clone(), self._alive_K[:n].clone()
        try:
            yield
        except BaseException:
            self._rows_3KN[:, :n] = rows_3KN
            self._alive_K[:n] = alive_K
            raise

    def _append(self, key: Key, plan: Plan, *, update: int) -> int:
        if key in self._keys:
            raise ValueError(f"lanes: {key!r} trains already; remove it first")
        if plan.corpus.context != self.shape.context:
            raise ValueError(
                f"corpus: it is cut for context {plan.corpus.context}, the lanes have context {self.shape.context}; "
                f"cut it for that"
            )
        assert self.free > 0
        row = len(self._keys)
        self._keys.append(key)
        self._lanes.append(_Lane(plan=plan, lrs=plan.schedule.lrs(), update=update))
        self._alive_K[row] = True
        return row

    def _row(self, key: Key) -> int:
        try:
            return self._keys.index(key)
        except ValueError:
            raise KeyError(f"no lane has the key {key!r}") from None


def program_for(shape: Shape, device: torch.device) -> Program | Graphs:
    """Return what trains lanes on a device: on a GPU as graphs."""
    program = Program(shape, device)
    return Graphs(program, Capturing(device)) if device.type == "cuda" else program


def _log(lane: _Lane, loss_U: NDArray[np.float32], norm_U: NDArray[np.float32]) -> StepLog:
    """Move the lane on by what it applied of these updates, and return the log of that."""
    first = lane.update + 1
    bad = np.flatnonzero(~(np.isfinite(loss_U) & np.isfinite(norm_U)))
    applied = 0 if lane.diverged_at is not None else int(bad[0]) if bad.size else len(loss_U)
    if applied < len(loss_U):
        lane.diverged_at = first + applied
    lane.update += applied
    return StepLog(
        first_update=first,
        lr=lane.lrs[first - 1 : lane.update].copy(),
        train_loss=loss_U[:applied].copy(),
        grad_norm=norm_U[:applied].copy(),
        diverged_at=lane.diverged_at,
    )


def _check_agreement(old: Plan, new: Plan, update: int) -> None:
    name = first_difference(old, new)
    if name == "corpus":
        raise ValueError("corpus: a fork shares its trunk's corpus; give the same")
    if name is not None:
        raise ValueError(f"{name}: a fork at update {update} shares {getattr(old, name)}, not {getattr(new, name)}")
    if common_prefix(old.schedule, new.schedule) < update:
        raise ValueError(f"schedule: the rates differ before update {update}, where the fork is asked for")
