"""A sweep as people submit it. What it means is checked in `service.domain.plan`; here, each field by itself."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from service.wire.base import Wire, refusal
from service.wire.names import PRINTABLE, Name
from service.wire.placement import Resources
from service.wire.search import Pruner, Sampler, Seed
from service.wire.space import Betas, Space, check_distinct


class Objective(Wire):
    """What is minimised: the validation loss after the last update, or the best one seen on the way."""

    metric: Literal["val_loss"] = "val_loss"
    mode: Literal["last", "best"] = "last"


class Model(Wire):
    """A decoder-only transformer over bytes. `post` norm is the original paper's, where warmup matters most."""

    d_model: int = Field(default=64, ge=1, le=4096)
    n_layers: int = Field(default=2, ge=1, le=64)
    n_heads: int = Field(default=4, ge=1, le=256)
    d_ff: int | None = Field(default=None, ge=1, le=65_536, description="inner width; 4 * d_model if not given")
    context: int = Field(default=64, ge=1, le=8192)
    norm: Literal["pre", "post"] = "pre"
    activation: Literal["gelu", "relu"] = "gelu"
    positions: Literal["learned", "sinusoidal"] = "learned"
    tie_embeddings: bool = True
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of the embeddings and of each sublayer's output that is dropped"
    )
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="bf16: of products; parameters, moments, norms and losses stay fp32"
    )

    @model_validator(mode="after")
    def _heads_divide(self) -> "Model":
        if self.d_model % self.n_heads:
            near = [heads for heads in range(1, self.d_model + 1) if self.d_model % heads == 0]
            best = min(near, key=lambda heads: abs(heads - self.n_heads))
            raise refusal(
                f"d_model {self.d_model} is not divisible by n_heads {self.n_heads}",
                f"give n_heads a divisor of d_model, such as {best}",
            )
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise refusal("sinusoidal positions need an even d_model", f"give d_model {self.d_model + 1}")
        return self


class Optimizer(Wire):
    """Adam (its weight decay is an L2 term) or AdamW (decoupled). Decay touches matrix weights alone."""

    type: Literal["adam", "adamw"] = "adam"
    betas: Betas = (0.9, 0.98)
    eps: float = Field(default=1e-9, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    grad_clip: float | None = Field(default=1.0, gt=0, description="norm to clip gradients to; null: off")


class Data(Wire):
    """The text: `shakespeare`, `python-reference`, your team's `upload:NAME`, or an admin's `file:NAME`."""

    corpus: str = Field(default="shakespeare", min_length=1, max_length=255, pattern=PRINTABLE)
    batch_size: int = Field(default=16, ge=1, le=4096)
    val_windows: int = Field(default=64, ge=1, le=65_536, description="validation windows of one context each")


def as_horizons(value: object) -> object:
    """Take a bare number or list as short for `{values: [...]}`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"values": [value]}
    if isinstance(value, list):
        return {"values": value}
    return value


class Horizons(Wire):
    """The lengths that are trained, in updates."""

    values: list[Annotated[int, Field(ge=1, le=10_000_000)]] = Field(min_length=1, max_length=100)

    @field_validator("values")
    @classmethod
    def _each_once(cls, values: list[int]) -> list[int]:
        check_distinct(values)
        return values


class WarmStart(Wire):
    """What a sampler knows beforehand: the results of an older sweep of your team, where they fit this space."""

    sweep: int = Field(ge=1, lt=2**63, description="the older sweep's number")


class SweepSpec(Wire):
    """A search space, a sampler, a budget, a model, data. Every field but `space` and `total_steps` has a default."""

    name: Name = "sweep"
    space: Space
    sampler: Sampler = Sampler()
    warm_start: WarmStart | None = None
    pruner: Pruner = Pruner()
    trials: int | None = Field(default=None, ge=1, le=100_000, description="omitted with grid: all of it")
    total_steps: Annotated[Horizons, BeforeValidator(as_horizons)]
    replicates: int = Field(default=1, ge=1, le=100, description="seeds per trial")
    eval_every: int | None = Field(default=None, ge=1, description="updates; null: ten times a run")
    objective: Objective = Objective()
    model: Model = Model()
    optimizer: Optimizer = Optimizer()
    data: Data = Data()
    resources: Resources = Field(default=Resources(), description="what a worker must have to train it")
    seed: Seed = 0
    priority: int = Field(default=0, ge=-1000, le=1000)
