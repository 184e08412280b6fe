"""Which workers may train which runs: what sweeps require against what workers announce.

A run carries what its sweep requires as a text, the key (`Resources.key`), empty for nothing. Few keys are in use at a
time. So a claim compares the worker with each of them once, and the queue only looks for runs of the keys that fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Exists, Select, exists, func, literal_column, select
from sqlalchemy.orm import Session

from service.store import clock
from service.store.tables import Fleet, Run, Sweep, Worker
from service.wire.placement import Demand, Offer, Resources, Supply

# A worker or a fleet from which nothing was heard for longer is not counted on.
HEARD_WITHIN = timedelta(seconds=90)
OPEN = ("queued", "running")
NOTHING = ("",)  # the key of what requires nothing, alone
# The empty text is written into the statement, so that the planner finds the partial index.
_DEMANDING = Sweep.requirement != literal_column("''"), Sweep.state.in_(OPEN)
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class Fit:
    """Which runs a worker can take: of one shape, if it is given, and of the requirements `keys`; None for all."""

    shape: str | None = None
    keys: tuple[str, ...] | None = None

    def of(self, kind: type[Run] | type[Sweep]) -> list[ColumnElement[bool]]:
        """The conditions that this makes of runs, or of sweeps that have yet to make some."""
        shape = [] if self.shape is None else [kind.shape == self.shape]
        return shape if self.keys is None else [*shape, kind.requirement.in_(self.keys)]

    def with_shape(self, shape: str) -> "Fit":
        """The same for one shape."""
        return replace(self, shape=shape)


ANY = Fit()


def offer_of(worker: Worker) -> Offer:
    """What a worker has announced."""
    gpu = worker.device_name if worker.device.startswith("cuda") else None
    return Offer(gpu=gpu, memory_gib=worker.memory_gib, labels=worker.labels)


def fit_of(session: Session, worker_id: int, shape: str | None) -> Fit:
    """What fits a worker, of one shape if it is given: the keys in use that it satisfies, the empty one among them."""
    keys = session.scalars(select(Sweep.requirement).distinct().where(*_DEMANDING)).all()
    if not keys:
        return Fit(shape, NOTHING)
    offer = offer_of(session.get_one(Worker, worker_id))
    return Fit(shape, ("", *(key for key in sorted(keys) if offer.serves(Resources.of_key(key)))))


def demanding() -> Exists:
    """That some sweep that has not ended requires something of its workers."""
    return exists().where(*_DEMANDING)


def reasons(session: Session, wanted: Mapping[str, Resources]) -> dict[str, str | None]:
    """Why runs of some requirements wait for no worker that there is or could be; None if they are or will be served.

    What is `wanted` is given by the keys, as somebody wrote it, since one key may have been written in several ways.
    """
    if not wanted:
        return {}
    offers, obtainable = _offers(session), _obtainable(session)
    return {key: _reason(resources, offers, obtainable) for key, resources in wanted.items()}


def demand(session: Session) -> list[Demand]:
    """What the queue needs, by requirement, in the order of the queue; trials that are yet to be made count too."""
    first = func.max(Sweep.priority).desc(), func.min(Sweep.id)
    unended = select(Sweep.requirement, func.sum(Sweep.runs_unended)).where(
        Sweep.finished_at.is_(None), Sweep.state.in_(OPEN)
    )
    needed = []
    for key, left in session.execute(unended.group_by(Sweep.requirement).order_by(*first)).all():
        runs = _unmade(session, key) + int(left)
        if runs:
            needed.append(Demand(resources=Resources.of_key(key), runs=min(runs, MOST_COUNTED)))
    return needed


def _unmade(session: Session, key: str) -> int:
    asking = select(Sweep).where(Sweep.asking, Sweep.requirement == key).limit(1000)
    return sum((one.trials_total - one.trials_made) * int(one.spec["replicates"]) for one in session.scalars(asking))


def _offers(session: Session) -> list[Offer]:
    """What the workers have that live."""
    return [
        Offer(gpu=name if device.startswith("cuda") else None, memory_gib=memory, labels=labels)
        for device, name, memory, labels in session.execute(_kinds())
    ]


@cache
def _kinds() -> Select[*tuple[Any, ...]]:
    kinds = select(Worker.device, Worker.device_name, Worker.memory_gib, Worker.labels).distinct()
    return kinds.where(Worker.left_at.is_(None), Worker.last_seen_at > clock.ago(HEARD_WITHIN))


@cache
def _fleets() -> Select[*tuple[Any, ...]]:
    return select(Fleet.supplies).where(Fleet.seen_at > clock.ago(HEARD_WITHIN), Fleet.most > 0)


def _obtainable(session: Session) -> list[Offer]:
    """What fleets could obtain."""
    supplies = [Supply.model_validate(supply) for listed in session.scalars(_fleets()) for supply in listed]
    return [supply.offer for supply in supplies if supply.workers]


def _reason(wanted: Resources, offers: Sequence[Offer], obtainable: Sequence[Offer]) -> str | None:
    if any(offer.serves(wanted) for offer in (*offers, *obtainable)):
        return None
    if not offers and not obtainable:
        return "no worker is there, and no fleet that could obtain one; start `rampline worker` or `rampline fleet`"
    there = ", ".join(sorted({_shown(offer) for offer in (*offers, *obtainable)})[:5])
    return f"no worker that is there or can be obtained has {wanted}; there is: {there}"


def _shown(offer: Offer) -> str:
    memory = f" with {offer.memory_gib:.0f} GiB" if offer.memory_gib is not None else ""
    labels = "".join(f" {name}={value}" for name, value in sorted(offer.labels.items()))
    return f"{offer.gpu or 'a CPU'}{memory}{labels}"
