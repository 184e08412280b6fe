"""What a sweep may require of the workers that train it, and what workers have."""

import json
import re
from typing import Annotated

from pydantic import Field, StringConstraints
from pydantic.config import JsonDict

from service.wire.base import Wire
from service.wire.names import PRINTABLE

# As Kubernetes and Ray have them.
LabelPart = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")]
# A JSON schema would say what names of this pattern hold, and leave every other one open.
NO_OTHERS: JsonDict = {"additionalProperties": False}
Labels = Annotated[dict[LabelPart, LabelPart], Field(max_length=8, json_schema_extra=NO_OTHERS)]
EXACT = 2**53 - 1  # what JSON carries exactly, whoever reads it
FLEET_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ANY_GPU = "any"
MOST_KEY = 1200  # characters of a requirement's key: eight labels of full length, a GPU, an amount of memory


class Resources(Wire):
    """What a worker must have to be given a run; whatever is left out may be anything."""

    gpu: str | None = Field(
        default=None,
        max_length=60,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$",
        description="words of the GPU's name, such as H100; `any` for whichever GPU",
    )
    memory_gib: float | None = Field(
        default=None, gt=0, le=1_000_000, description="memory of the device that trains; an 80 GB card has 79 GiB"
    )
    label: Labels = Field(default={}, description="labels that the worker must have")

    @property
    def key(self) -> str:
        """A text that is equal for equal requirements, and empty for none; `of_key` reads it."""
        given = self.model_dump(exclude_defaults=True)
        if self.gpu is not None:
            given["gpu"] = " ".join(sorted(_words(self.gpu)))
        return json.dumps(given, sort_keys=True, separators=(",", ":")) if given else ""

    @classmethod
    def of_key(cls, key: str) -> "Resources":
        """The requirement of a key."""
        return cls.model_validate_json(key) if key else cls()

    def __str__(self) -> str:
        parts = []
        if self.gpu is not None:
            parts.append("a GPU" if self.gpu.lower() == ANY_GPU else f"a GPU {self.gpu}")
        if self.memory_gib is not None:
            parts.append(f"{self.memory_gib:g} GiB of memory")
        parts += [f"the label {name}={value}" for name, value in sorted(self.label.items())]
        return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "nothing"


class Offer(Wire):
    """What a worker has: its GPU's name, None for a CPU; its device's memory, None if that is not known; its labels."""

    gpu: str | None = Field(default=None, max_length=200, pattern=PRINTABLE)
    memory_gib: float | None = Field(default=None, ge=0)
    labels: dict[LabelPart, LabelPart] = Field(default={}, max_length=64, json_schema_extra=NO_OTHERS)

    def serves(self, wanted: Resources) -> bool:
        """Whether a worker of this kind may train what requires this; memory that is not known may suffice."""
        if wanted.gpu is not None:
            if self.gpu is None:
                return False
            if wanted.gpu.lower() != ANY_GPU and not _words(wanted.gpu) <= _words(self.gpu):
                return False
        if wanted.memory_gib is not None and self.memory_gib is not None and self.memory_gib < wanted.memory_gib:
            return False
        return wanted.label.items() <= self.labels.items()


class Supply(Wire):
    """Workers of one kind that a fleet has or could obtain: `workers` of them, all together."""

    offer: Offer
    workers: int = Field(ge=0, le=1_000_000)


class FleetReport(Wire):
    """What a fleet can have, at most `most` workers of it; and which workers have died, known for certain."""

    name: str = Field(max_length=100, pattern=FLEET_NAME)
    most: int = Field(ge=0, le=1_000_000)
    supplies: list[Supply] = Field(max_length=1000)
    lost: list[Annotated[int, Field(ge=1, le=EXACT)]] = Field(
        default=[], max_length=10_000, description="workers whose processes have ended"
    )


class Demand(Wire):
    """Runs that wait or train and require the same, bounded at 100,000; the first in the queue come first."""

    resources: Resources
    runs: int


class SlotView(Wire):
    """A worker of the fleet: its slot, how many runs it holds, what it has."""

    worker_id: int
    slot: str
    runs: int
    offer: Offer


class FleetOrders(Wire):
    """What the queue needs, and which of the fleet's workers are there."""

    demand: list[Demand]
    workers: list[SlotView]


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9.]+", name.lower()))
