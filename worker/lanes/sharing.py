"""Shared lanes: runs that agree so far train as one lane, and part on the device at the update where they differ.

The groups are the leaves of a trie over everything that decides a run, update by update; a group is one lane, or
waits for one. What each run gets is bit for bit what it gets alone, since until they part the runs are the same run.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor

from worker.lanes.batch import Key, LaneBatch
from worker.lanes.log import Past, StepLog, suffices
from worker.lanes.plan import Plan, agreement
from worker.lanes.shape import Shape
from worker.lanes.state import State


@dataclass(kw_only=True, eq=False)
class _Group(Generic[Key]):
    """Runs at one update that agree up to it, and on to ``agreed``; the lane bears the first one's key and plan.

    ``state`` is where a group goes on that waits for a lane; None in a lane, and before the first update.
    """

    members: list[Key]
    agreed: int
    update: int = 0
    state: Mapping[str, Tensor] | None = None
    logs: list[StepLog] = field(default_factory=list)
    losses: dict[int, float] = field(default_factory=dict)
    resumed_from: int = 0

    @property
    def lead(self) -> Key:
        return self.members[0]

    @property
    def parts(self) -> bool:
        return len(self.members) > 1 and self.update == self.agreed

    @property
    def past(self) -> Past:
        return Past(logs=tuple(self.logs), losses=dict(self.losses), resumed_from=self.resumed_from)


class SharedLanes(Generic[Key]):
    """Any number of runs of one shape on ``capacity`` lanes of one device; see ``LaneBatch`` for what a lane is.

    Runs are admitted at any time. ``seat`` lets groups part and gives free lanes to those that wait; ``advance``
    trains those that are seated. A run leaves by ``remove``, which harms no other: its lane goes on while one run
    needs it.
    """

    def __init__(self, shape: Shape, capacity: int, device: torch.device | str = "cpu") -> None:
        self._shape = shape
        self._device = device
        self._batch = LaneBatch[Key](shape, capacity, device)
        self._plans: dict[Key, Plan] = {}
        self._group_of: dict[Key, _Group[Key]] = {}
        self._seated: list[_Group[Key]] = []
        self._waiting: list[_Group[Key]] = []
        self.executed: Counter[Key] = Counter()

    @property
    def keys(self) -> tuple[Key, ...]:
        """Return the keys of all runs."""
        return tuple(self._plans)

    @property
    def seated(self) -> list[Key]:
        """Return the keys of the runs that train: they have a lane, alone or with others."""
        return [key for group in self._seated for key in group.members]

    @property
    def leads(self) -> list[Key]:
        """Return the key of one run in each lane."""
        return [group.lead for group in self._seated]

    @property
    def foremost(self) -> list[Key]:
        """Return the keys of the runs that train, or, when none does, of those that would be next."""
        return self.seated or [key for group in self._waiting[:1] for key in group.members]

    @property
    def shares(self) -> dict[Key, float]:
        """Return which part of a lane each run that trains has: 1 alone, 1/n where n runs share one."""
        return {key: 1 / len(group.members) for group in self._seated for key in group.members}

    @property
    def lanes(self) -> int:
        """Return how many lanes train."""
        return len(self._seated)

    @property
    def capacity(self) -> int:
        """Return how many lanes there are."""
        return self._batch.capacity

    @property
    def groups(self) -> list[tuple[Key, ...]]:
        """Return the runs that have begun, those that share in one tuple."""
        return [tuple(group.members) for group in (*self._seated, *self._waiting) if group.update]

    def siblings(self, key: Key) -> tuple[Key, ...]:
        """Return the runs that share with this one now, itself among them."""
        return tuple(self._group_of[key].members)

    @property
    def sharing(self) -> bool:
        """Return whether some runs have yet to part."""
        return any(len(group.members) > 1 for group in (*self._seated, *self._waiting))

    @property
    def room(self) -> int:
        """Return how many lanes are free and no group waits for; not above 0 if there is none.

        Runs that share a lane with others come with those, beyond this number.
        """
        return self._batch.capacity - len(self._seated) - len(self._waiting)

    @property
    def remaining(self) -> int:
        """Return how many updates the seated runs can take until one ends or some part; 0 without such."""
        return min((group.agreed - group.update for group in self._seated), default=0)

    def admit(self, key: Key, plan: Plan, *, eval_every: int, state: State | None = None) -> Past:
        """Take in a run; it joins those with which it agrees longest, or goes on from a state, or begins.

        It goes on from the state, which is to agree with it so far, if that is further than it agrees with anyone here.
        A run joins others after their first update if they agree so far, and have the validation losses that it
        needs: after updates 0, ``eval_every``, 2 ``eval_every``, ... What it thereby has done already is returned.
        """
        assert key not in self._plans
        self._plans[key] = plan
        agreements = [
            (agreement(self._plans[group.lead], plan), group)
            for group in (*self._seated, *self._waiting)
            if group.update < plan.total_steps and suffices(group.losses, group.update, eval_every, plan.total_steps)
        ]
        agreed, group = max(agreements, key=lambda found: found[0], default=(0, None))
        if group is not None and agreed >= max(1, group.update, state.update if state else 0):
            group.members.append(key)
            group.agreed = min(group.agreed, agreed)
        else:
            group = _Group(members=[key], agreed=plan.total_steps)
            if state is not None:
                past = state.past
                group.update, group.state, group.resumed_from = state.update, state.tensors, state.update
                group.logs, group.losses = list(past.logs), dict(past.losses)
            self._waiting.append(group)
        self._group_of[key] = group
        return group.past

    def seat(self, before_parting: Callable[[Key], None] = lambda _key: None) -> None:
        """Let groups part that agree no longer, and give free lanes to groups that wait: the latest parted first.

        ``before_parting`` is called with a run of each group that is about to part. A group does not part while a run
        in it is at its last update: that one is to be removed first.
        """
        while True:
            for group in [group for group in self._seated if group.parts and not self._has_ended(group)]:
                before_parting(group.lead)
                self._part(group)
            if not self._waiting or not self._batch.free:
                return
            group = self._waiting[0]
            plan = self._plans[group.lead]
            if group.state is None:
                self._batch.admit(group.lead, plan)
            else:
                self._batch.restore(group.lead, plan, group.state)
            group.state = None
            self._seated.append(self._waiting.pop(0))

    def state(self, key: Key) -> State:
        """Return where a run stands that has begun, on the host."""
        group = self._group_of[key]
        tensors = self._batch.state(group.lead) if group.state is None else group.state
        return State(update=group.update, tensors=tensors, past=group.past)

    def shrink(self) -> bool:
        """Halve the number of lanes to need less memory; return whether that was possible.

        Groups that no longer have a lane wait with their state on the host, before all others.
        """
        if self.capacity == 1:
            return False
        states = [self._batch.state(group.lead) for group in self._seated]
        for group, state in zip(self._seated, states, strict=True):
            group.state = state
        self._waiting[:0], self._seated = self._seated, []
        fewer = self.capacity // 2
        del self._batch  # before the smaller one needs memory
        self._batch = LaneBatch(self._shape, fewer, self._device)
        return True

    def advance(self, updates: int) -> dict[Key, StepLog]:
        """Train every seated run, at most ``remaining`` updates, and return what each did; see ``LaneBatch``.

        Runs that ended or diverged are to be removed before the next ``seat``.
        """
        assert updates <= self.remaining
        logs = self._batch.advance(updates)
        for group in self._seated:
            log = logs[group.lead]
            group.update += len(log.lr)
            group.logs.append(log)
            self.executed[group.lead] += len(log.lr)
        return {key: logs[group.lead] for group in self._seated for key in group.members}

    def evaluate(self, keys: Iterable[Key]) -> dict[Key, float]:
        """Return each seated run's validation loss; those of a group are taken once."""
        group_of = {key: self._group_of[key] for key in keys}
        leads = {group.lead: group for group in group_of.values() if group.update not in group.losses}
        for lead, loss in self._batch.evaluate(leads).items():
            leads[lead].losses[leads[lead].update] = loss
        return {key: group.losses[group.update] for key, group in group_of.items()}

    def remove(self, key: Key) -> None:
        """Let go of a run; the others of its group go on."""
        group = self._group_of.pop(key)
        del self._plans[key]
        self.executed.pop(key, None)
        seated, led = group in self._seated, group.lead == key
        group.members.remove(key)
        if group.members:
            if seated and led:
                self._batch.hand_over(key, group.lead, self._plans[group.lead])
            group.agreed = self._agreed(group.members)
        elif seated:
            self._seated.remove(group)
            self._batch.remove(key)
        else:
            self._waiting.remove(group)

    def _has_ended(self, group: _Group[Key]) -> bool:
        return any(self._plans[key].total_steps == group.update for key in group.members)

    def _part(self, group: _Group[Key]) -> None:
        """Leave the lane to those that go on as its lead does; the others fork from it, or keep its state and wait."""
        branches: dict[float, list[Key]] = {}
        for key in group.members:
            branches.setdefault(self._plans[key].schedule.lr(group.update + 1), []).append(key)
        first, *others = branches.values()
        state = self._batch.state(group.lead) if len(others) > self._batch.free else None
        group.members, group.agreed = first, self._agreed(first)
        parked: list[_Group[Key]] = []
        for members in others:
            branch = _Group(
                members=members,
                agreed=self._agreed(members),
                update=group.update,
                logs=group.logs[:],
                losses=dict(group.losses),
                resumed_from=group.resumed_from,
            )
            self._group_of |= dict.fromkeys(members, branch)
            if self._batch.free:
                self._batch.fork(group.lead, branch.lead, self._plans[branch.lead])
                self._seated.append(branch)
            else:
                branch.state = state
                parked.append(branch)
        self._waiting[:0] = parked

    def _agreed(self, members: list[Key]) -> int:
        lead, *others = (self._plans[key] for key in members)
        return min((agreement(lead, other) for other in others), default=lead.total_steps)
