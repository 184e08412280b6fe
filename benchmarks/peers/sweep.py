"""The sweep that every contender trains: the same configurations, model, text, batches, updates and evaluations."""

import dataclasses
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import schedules
from service.domain.corpora import CorpusLibrary
from worker.lanes.data import Corpus
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape

SIZES = {32: (32, 8), 64: (64, 8), 128: (64, 16)}  # d_model: context, batch size
LAYERS, HEADS = 2, 4
TEXT = "python-reference"
VAL_WINDOWS = 64
EXPERIMENT = "peers"  # in MLflow, made before anybody needs it
FAMILIES = ("linear", "cosine", "wsd", "inverse_sqrt")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One sweep and where its records go; `directory` is empty and the contender's own."""

    d_model: int
    updates: int
    trials: int
    threads: int
    cores: int
    mlflow_url: str
    directory: str
    seed: int = 0

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    @property
    def shape(self) -> Shape:
        context, batch_size = SIZES[self.d_model]
        return Shape(d_model=self.d_model, n_layers=LAYERS, n_heads=HEADS, context=context, batch_size=batch_size)

    @property
    def eval_every(self) -> int:
        return max(1, self.updates // 10)

    @property
    def configurations(self) -> list[dict[str, Any]]:
        """The schedules, without their length: drawn once and for all, so that no two begin alike."""
        draw = random.Random(0)
        return [
            {
                "type": FAMILIES[number % len(FAMILIES)],
                "warmup_steps": draw.randint(self.updates // 20, self.updates // 4),
                "peak_lr": 10 ** draw.uniform(-3.5, -2),
            }
            for number in range(self.trials)
        ]

    @cached_property
    def corpus(self) -> Corpus:
        text = CorpusLibrary(Path(), Path()).read(TEXT).content
        return Corpus(text, context=self.shape.context, val_windows=VAL_WINDOWS)

    def plan(self, number: int) -> Plan:
        return Plan(schedule=schedules.build(self.schedule(number)), corpus=self.corpus, seed=self.seed, grad_clip=1.0)

    def schedule(self, number: int) -> dict[str, Any]:
        return self.configurations[number] | {"total_steps": self.updates}

    def spec(self) -> Mapping[str, Any]:
        """The sweep as Rampline takes it: a grid over schedules that fix all their parameters."""
        shape = self.shape
        return {
            "name": f"{self.trials} trials",
            "space": {"schedule": self.configurations},
            "sampler": {"type": "grid"},
            "total_steps": self.updates,
            "seed": self.seed,
            "eval_every": self.eval_every,
            "model": {
                "d_model": shape.d_model,
                "n_layers": shape.n_layers,
                "n_heads": shape.n_heads,
                "context": shape.context,
            },
            "data": {"corpus": TEXT, "batch_size": shape.batch_size, "val_windows": VAL_WINDOWS},
        }
