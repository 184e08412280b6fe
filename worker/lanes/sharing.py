"""Shared lanes: runs that agree so far train as one lane, and part on the device at the update where they differ.

The groups are the leaves of a trie over everything that decides a run, update by update; a group is one lane, or
waits for one. What each run gets is bit for bit what it gets alone, since until they part the runs are the same run.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor

from worker.lanes.batch import Key, LaneBatch
from worker.lanes.log import StepLog
from worker.lanes.plan import Plan, agreement
from worker.lanes.shape import Shape


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a run that joined others had done before: its stretches of updates, and validation losses by update.

    Every validation loss that the run itself asks for was taken at the end of a stretch; there may be others.
    """

    logs: tuple[StepLog, ...] = ()
    losses: Mapping[int, float] = field(default_factory=dict)


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

    @property
    def lead(self) -> Key:
        return self.members[0]

    @property
    def parts(self) -> bool:
        return len(self.members) > 1 and self.update == self.agreed

    def has_losses_of(self, eval_every: int) -> bool:
        return not self.update or self.losses.keys() >= set(range(0, self.update + 1, eval_every))


class SharedLanes(Generic[Key]):
    """Any number of runs of one shape on ``capacity`` lanes of one device; see ``LaneBatch`` for what a lane is.

    Runs are admitted at any time. ``seat`` lets groups part and gives free lanes to those that wait; ``advance``
    trains those that are seated. A run leaves by ``remove``, which harms no other: its lane goes on while one run
    needs it.
    """

    def __init__(self, shape: Shape, capacity: int, device: torch.device | str = "cpu") -> None:
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
    def shares(self) -> dict[Key, float]:
        """Return which part of a lane each run that trains has: 1 alone, 1/n where n runs share one."""
        return {key: 1 / len(group.members) for group in self._seated for key in group.members}

    @property
    def lanes(self) -> int:
        """Return how many lanes train."""
        return len(self._seated)

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

    def admit(self, key: Key, plan: Plan, *, eval_every: int) -> Past:
        """Take in a run; it joins those with which it agrees longest, or waits for a lane.

        A run joins others after their first update if they agree so far, and have the validation losses that it
        needs: after updates 0, ``eval_every``, 2 ``eval_every``, ... What it thereby has done already is returned.
        """
        assert key not in self._plans
        self._plans[key] = plan
        agreements = [
            (agreement(self._plans[group.lead], plan), group)
            for group in (*self._seated, *self._waiting)
            if group.update < plan.total_steps and group.has_losses_of(eval_every)
        ]
        agreed, group = max(agreements, key=lambda found: found[0], default=(0, None))
        if group is None or agreed < max(1, group.update):
            group = _Group(members=[key], agreed=plan.total_steps)
            self._waiting.append(group)
        else:
            group.members.append(key)
            group.agreed = min(group.agreed, agreed)
        self._group_of[key] = group
        return Past(logs=tuple(group.logs), losses=dict(group.losses))

    def seat(self) -> None:
        """Let groups part that agree no longer, and give free lanes to groups that wait: the latest parted first."""
        while True:
            for group in [group for group in self._seated if group.parts]:
                self._part(group)
            if not self._waiting or not self._batch.free:
                return
            group = self._waiting.pop(0)
            self._seated.append(group)
            plan = self._plans[group.lead]
            if group.state is None:
                self._batch.admit(group.lead, plan)
            else:
                self._batch.restore(group.lead, plan, group.state)
                group.state = None

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

    def _part(self, group: _Group[Key]) -> None:
        """Leave the lane to those that go on as its lead does; the others fork from it, or keep its state and wait."""
        branches: dict[float, list[Key]] = {}
        for key in group.members:
            branches.setdefault(self._plans[key].schedule.lr(group.update + 1), []).append(key)
        group.members, *others = branches.values()
        group.agreed = self._agreed(group.members)
        parked: list[_Group[Key]] = []
        state: Mapping[str, Tensor] | None = None
        for members in others:
            branch = _Group(
                members=members,
                agreed=self._agreed(members),
                update=group.update,
                logs=group.logs[:],
                losses=dict(group.losses),
            )
            self._group_of |= dict.fromkeys(members, branch)
            if self._batch.free:
                self._batch.fork(group.lead, branch.lead, self._plans[branch.lead])
                self._seated.append(branch)
            else:
                state = state or self._batch.state(group.lead)
                branch.state = state
                parked.append(branch)
        self._waiting[:0] = parked

    def _agreed(self, members: list[Key]) -> int:
        lead, *others = (self._plans[key] for key in members)
        return min((agreement(lead, other) for other in others), default=lead.total_steps)
