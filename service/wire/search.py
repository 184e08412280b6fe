"""How a sweep searches its space: the sampler that chooses configurations, and the pruner that ends runs early."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from service.wire.base import Wire, refusal

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class _Choice(Wire):
    """One of several types; an option that the chosen type does not have is refused, not ignored."""

    options: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="after")
    def _no_foreign_option(self) -> "_Choice":
        kind = str(getattr(self, "type", ""))
        for option, types in self.options.items():
            if getattr(self, option) is not None and kind not in types.split():
                raise refusal(
                    f"{kind} has no {option}", f"leave {option} out; it belongs to {types.replace(' ', ', ')}"
                )
        return self


class Sampler(_Choice):
    """How configurations are chosen. `grid` takes every combination once; the others need `trials`.

    `n_startup_trials` (tpe, gp): how many are drawn at random before the model decides; `scramble` (qmc): a randomised
    Sobol' sequence, which depends on the seed; `popsize` (cmaes): results to a generation.
    """

    options: ClassVar[Mapping[str, str]] = {"n_startup_trials": "tpe gp", "scramble": "qmc", "popsize": "cmaes"}

    type: Literal["grid", "random", "qmc", "tpe", "gp", "cmaes"] = "tpe"
    seed: Seed = 0
    n_startup_trials: int | None = Field(default=None, ge=1, le=10_000, description="null: 10")
    scramble: bool | None = Field(default=None, description="null: true")
    popsize: int | None = Field(default=None, ge=2, le=1_000, description="null: 4 + 3 ln(dimensions)")


class Pruner(_Choice):
    """Which runs are ended early: none, since decaying schedules look bad until they decay.

    `median` compares losses at equal updates, `hyperband` at its rungs, `phase` at equal phases of the same schedule
    type, `wilcoxon` the finished seeds of a trial with those of the best. Nothing is pruned in its warmup.
    """

    options: ClassVar[Mapping[str, str]] = {
        "n_startup_trials": "median phase",
        "keep": "phase",
        "min_resource": "hyperband",
        "reduction_factor": "hyperband",
        "p_threshold": "wilcoxon",
    }

    type: Literal["none", "median", "hyperband", "wilcoxon", "phase"] = "none"
    n_startup_trials: int | None = Field(default=None, ge=1, le=10_000, description="trials to compare with; null: 5")
    keep: float | None = Field(default=None, gt=0, lt=1, description="share that goes on; null: a half")
    min_resource: int | None = Field(default=None, ge=1, description="updates; null: a 27th of the longest run")
    reduction_factor: int | None = Field(default=None, ge=2, le=100, description="null: 3")
    p_threshold: float | None = Field(default=None, gt=0, lt=1, description="null: 0.1")
