"""The states of a worker's lanes: when they are kept, for how long, and which one a run goes on from.

A run that was interrupted, a run that comes later, and a longer one whose rates begin alike all do the same: they go on
from the furthest state whose rates so far are theirs. States are found by what they are, so nobody keeps books.
"""

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Literal

import numpy as np
import torch

from service.wire.states import MAX_STATE_BYTES, StateName
from worker.bell import Bell
from worker.lanes.identity import base_digest, identity, prefix_digests
from worker.lanes.shape import Shape
from worker.lanes.state import State, decoded, encoded
from worker.stores import Store, StoreError
from worker.training import Training

log = logging.getLogger(__name__)

Why = Literal["interval", "fork", "branch", "end", "drain"]

KEPT_PER_RUN = 2  # of those for the case that this worker dies: should the last one be damaged, there is another
LEAST_UPDATES = 20  # what others may share is not worth a file below that, nor at a branch below a tenth of the run
LEAST_SHARE = 0.1
MOST_TRIED = 8
MOST_WAITING_BYTES = 512 * 2**20
_RESCAN_SECONDS = 60.0


@dataclass(frozen=True)
class _Place:
    """What a state is of: runs of this base, after this many updates at rates of this digest."""

    base: str
    update: int
    prefix: str


class States:
    """Keeps states without ever holding up training: a thread of its own writes them, and its failures only warn.

    A state at a fork or branch stays for others until the place needs its room. One that was kept because time had
    passed, or because a record could not be delivered, is deleted when its runs have ended.
    """

    def __init__(
        self, store: Store, device: torch.device, *, bell: Bell, device_name: str, seconds: float, limit: float
    ) -> None:
        self._store = store
        self._device = device
        self._device_name = device_name
        self._seconds = seconds
        self._limit = limit
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._ordered: set[_Place] = set()
        self._waiting_bytes = 0
        self._of_run: dict[int, list[tuple[str, str]]] = {}
        self._room, self._counted_at = 0.0, -_RESCAN_SECONDS
        self._failing = False
        self._asked_again_at = 0.0
        self._read: dict[str, State] = {}
        self._thread = bell.thread("states", self._work)

    def find(self, training: Training) -> None:
        """Give a run the furthest state that it can go on from, if there is one; without, it begins at update 1.

        Never raises; the run's note says what was wrong.
        """
        plan, shape = training.plan, training.shape
        base = base_digest(shape, plan, self._device.type)
        problems: list[str] = []
        try:
            names = self._names(base)
        except StoreError as error:
            names = []
            problems.append(f"states cannot be listed ({error})")
        digests = prefix_digests(plan.schedule.lrs(), (name.update for name in names))
        fitting = sorted((name for name in names if digests.get(name.update) == name.prefix), reverse=True)
        for name in fitting[:MOST_TRIED]:
            try:
                state = self._verified(base, name, shape)
            except (StoreError, ValueError) as error:
                problems.append(f"the state at update {name.update} cannot be used ({error})")
                continue
            if state.past.has_losses_of(training.lease.eval_every, total_steps=plan.total_steps):
                training.state = state
                self._adopt(training, base, name)
                break
        training.note = _note(training, problems)

    def keep(
        self, why: Why, members: Sequence[Training], executed: Mapping[int, int], state: Callable[[], State]
    ) -> None:
        """Keep the state of the lane in which these runs are now; ``state`` copies it to the host if it is wanted.

        ``executed`` counts the updates that were executed for each run. Returns before anything is written.
        """
        lead = members[0]
        update, total = lead.step, max(training.plan.total_steps for training in members)
        worth = {"fork": LEAST_UPDATES, "branch": max(LEAST_UPDATES, LEAST_SHARE * total)}
        if update < worth.get(why, 1):
            return
        base = base_digest(lead.shape, lead.plan, self._device.type)
        place = _Place(base, update, prefix_digests(lead.plan.schedule.lrs(), [update])[update])
        size = 12 * lead.shape.n_parameters + 16 * update
        with self._lock:
            busy = self._waiting_bytes > 0 and self._waiting_bytes + size > MOST_WAITING_BYTES
            if place in self._ordered or size > MAX_STATE_BYTES or (busy and why != "drain"):
                return
            self._ordered.add(place)
            self._waiting_bytes += size
            for training in members:
                training.kept_at = time.monotonic()
                self._of_run.setdefault(training.run_id, [])
        try:
            copied = state()
        except (RuntimeError, MemoryError) as error:
            log.warning("a state cannot be kept; training goes on without: %s", error, extra={"action": "states.away"})
            self._done_with(place, size)
            return
        facts = {
            "why": why,
            "runs": sorted(training.run_id for training in members),
            "executed": {str(training.run_id): executed[training.run_id] for training in members},
            "prefix": place.prefix,
            "identity": identity(lead.shape, lead.plan, self._device.type),
            "device": self._device_name,
            "rampline": version("rampline"),
        }
        self._orders.put(partial(self._write, place, size, replace(copied, facts=facts)))

    def is_due(self, training: Training) -> bool:
        """Whether the time between states is over for a run."""
        return time.monotonic() - training.kept_at >= self._seconds

    def ended(self, run_id: int) -> None:
        """Delete what was kept for a run only, now that its end is known to the service."""
        with self._lock:
            unneeded = self._unneeded(self._of_run.pop(run_id, []))
        self._orders.put(partial(self._delete, unneeded))

    def let_go(self, run_id: int) -> None:
        """Leave what was kept for a run to the worker that goes on with it."""
        with self._lock:
            self._of_run.pop(run_id, None)

    def when_written(self, then: Callable[[], None]) -> None:
        """Call ``then`` once everything that was kept so far is written, or could not be."""
        self._orders.put(then)

    def close(self, seconds: float) -> bool:
        """Write what is left, for at most this long; returns whether all was written."""
        self._orders.put(None)
        self._thread.join(seconds)
        written = not self._thread.is_alive()
        if written:
            self._store.close()
        return written

    def _names(self, base: str) -> list[StateName]:
        """What is kept of this base. A place that fails is left alone for a while: many runs may be about to ask."""
        if time.monotonic() < self._asked_again_at:
            raise StoreError("they could not be a moment ago")
        try:
            return [name for name in map(StateName.read, self._store.names(base)) if name is not None]
        except StoreError:
            self._asked_again_at = time.monotonic() + _RESCAN_SECONDS
            raise

    def _verified(self, base: str, name: StateName, shape: Shape) -> State:
        """The state of this name; siblings that arrive together ask for the same."""
        if name.sha256 not in self._read:
            content = self._store.read(base, str(name))
            if hashlib.sha256(content).hexdigest() != name.sha256:
                raise ValueError("its sha256 is not the one in its name")
            state = decoded(content, shape)
            lrs = np.concatenate([log.lr for log in state.past.logs])
            if prefix_digests(lrs, [name.update]).get(name.update) != name.prefix:
                raise ValueError("it is of other rates than its name says")
            self._read = {name.sha256: state}
        return self._read[name.sha256]

    def _adopt(self, training: Training, base: str, name: StateName) -> None:
        """Delete in due time what an earlier attempt had kept of this run alone."""
        assert training.state is not None
        facts = training.state.facts
        if facts.get("why") in {"interval", "end", "drain"} and facts.get("runs") == [training.run_id]:
            with self._lock:
                self._of_run[training.run_id] = [(base, str(name))]

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                order()
            except (StoreError, MemoryError) as error:
                if not self._failing:
                    log.warning(
                        "states cannot be kept; training goes on without: %s", error, extra={"action": "states.away"}
                    )
                self._failing = True

    def _write(self, place: _Place, size: int, state: State) -> None:
        why, runs = state.facts["why"], state.facts["runs"]
        passing = why in {"interval", "end"}
        lasts = False
        try:
            with self._lock:
                if passing and not any(run_id in self._of_run for run_id in runs):
                    return
            content = encoded(state)
            name = str(StateName(place.update, place.prefix, hashlib.sha256(content).hexdigest()))
            self._make_room(len(content))
            self._store.write(place.base, name, content)
            self._room -= len(content)
            if self._failing:
                log.info("states are kept again", extra={"action": "states.back"})
            self._failing = False
            lasts = not passing
        finally:
            self._done_with(place, size, lasts=lasts)
        with self._lock:
            superseded = self._superseded(why, runs, (place.base, name))
        self._delete(superseded)

    def _done_with(self, place: _Place, size: int, *, lasts: bool = False) -> None:
        """Give back the memory of an order, and let the place be ordered again unless a state lasts there."""
        with self._lock:
            self._waiting_bytes -= size
            if not lasts:
                self._ordered.discard(place)

    def _make_room(self, size: int) -> None:
        if self._room < size or time.monotonic() - self._counted_at > _RESCAN_SECONDS:
            self._room = self._store.make_room(self._limit, size, spared_seconds=2 * self._seconds)
            self._counted_at = time.monotonic()
        if self._room < size:
            raise StoreError(
                f"{self._limit / 2**30:.3g} GiB of states are all in use; raise RAMPLINE_STATES_GIB at the service"
            )

    def _superseded(self, why: Why, runs: Sequence[int], written: tuple[str, str]) -> list[tuple[str, str]]:
        """Which states are needed no longer now that this one is written.

        The last two are kept for a run that trains, and for one that waits for another worker the one of the drain.
        """
        if why == "drain":
            return self._unneeded([place for run_id in runs for place in self._of_run.pop(run_id, [])])
        if why in {"fork", "branch"}:
            return []
        followed = [self._of_run[run_id] for run_id in runs if run_id in self._of_run]
        superseded = [] if followed else [written]
        for kept in followed:
            kept.append(written)
            superseded += kept[:-KEPT_PER_RUN]
            del kept[:-KEPT_PER_RUN]
        return self._unneeded(superseded)

    def _unneeded(self, places: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        needed = {place for kept in self._of_run.values() for place in kept}
        return [place for place in dict.fromkeys(places) if place not in needed]

    def _delete(self, places: Sequence[tuple[str, str]]) -> None:
        for base, name in places:
            self._store.delete(base, name)
            kept = StateName.read(name)
            if kept is not None:
                with self._lock:
                    self._ordered.discard(_Place(base, kept.update, kept.prefix))


def _note(training: Training, problems: Sequence[str]) -> str | None:
    if not problems and (training.state is not None or training.lease.attempt == 1):
        return None
    end = f"goes on from update {training.state.update}" if training.state is not None else "begins at update 1"
    return "; ".join([*(problems or ["no state was kept"]), end])[-1000:]
