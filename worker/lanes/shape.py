"""The shape: everything on which runs must agree to train in one batch."""

from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

import torch


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A decoder-only transformer over bytes, its batch and its kind of optimizer; equal shapes share a batch.

    ``norm`` is "pre" (norm before each sublayer, and one at the end) or "post" (after each residual sum, as in
    Vaswani et al. 2017). ``d_ff`` None means 4 * d_model. With ``tie_embeddings`` the output matrix is the
    token embedding (section 3.4 there). ``precision`` is that of products; with "bf16" parameters, moments, norms
    and losses are float32 all the same. Raises ValueError, naming the field and what would be right.
    """

    d_model: int
    n_layers: int
    n_heads: int
    context: int
    batch_size: int
    norm: Literal["pre", "post"] = "pre"
    activation: Literal["gelu", "relu"] = "gelu"
    positions: Literal["learned", "sinusoidal"] = "learned"
    tie_embeddings: bool = True
    d_ff: int | None = None
    vocab_size: int = 256
    optimizer: Literal["adam", "adamw"] = "adam"
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layers", "n_heads", "context", "batch_size", "vocab_size"):
            _check_count(name, getattr(self, name))
        if self.d_ff is not None:
            _check_count("d_ff", self.d_ff)
        if self.d_model % self.n_heads:
            raise ValueError(
                f"n_heads: {self.n_heads} heads do not divide d_model {self.d_model}; "
                f"choose one of {_divisors(self.d_model)}"
            )
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise ValueError(f"d_model: sinusoidal positions pair sines with cosines, {self.d_model} is odd; use even")
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal and getattr(self, name) not in get_args(hint):
                choices = " or ".join(get_args(hint))
                raise ValueError(f"{name}: {getattr(self, name)!r} is unknown; use {choices}")

    @property
    def width_ff(self) -> int:
        """Return the width of the hidden layer of each feed-forward sublayer."""
        return 4 * self.d_model if self.d_ff is None else self.d_ff

    @property
    def width_head(self) -> int:
        """Return the width of one attention head."""
        return self.d_model // self.n_heads

    @property
    def product_dtype(self) -> torch.dtype:
        """Return the type of the numbers that products take and give."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    @property
    def tokens_per_update(self) -> int:
        """Return the number of bytes that one update of one run predicts."""
        return self.batch_size * self.context

    @property
    def n_parameters(self) -> int:
        """Return the number of trained parameters of one run; the tied matrix counts once."""
        d, f = self.d_model, self.width_ff
        embeddings = self.vocab_size * d * (1 if self.tie_embeddings else 2)
        embeddings += self.context * d if self.positions == "learned" else 0
        layer = (3 * d * d + 3 * d) + (d * d + d) + (d * f + f) + (f * d + d) + 4 * d
        return embeddings + self.n_layers * layer + (2 * d if self.norm == "pre" else 0)


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: {value!r} is not a count; use a whole number of at least 1")


def _divisors(number: int) -> str:
    return ", ".join(str(n) for n in range(1, number + 1) if number % n == 0)
