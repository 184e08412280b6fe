"""What a run is made of is checked where it is said."""

from itertools import product
from typing import Any

import pytest

from tests.unit.lanes.lane_examples import plan, shape
from worker.lanes.plain import Transformer


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"d_model": 0}, "d_model: 0 is not a count; use a whole number of at least 1"),
        ({"context": 2.5}, "context: 2.5 is not a count"),
        ({"batch_size": True}, "batch_size: True is not a count"),
        ({"d_ff": -1}, "d_ff: -1 is not a count"),
        ({"d_model": 12, "n_heads": 5}, "n_heads: 5 heads do not divide d_model 12; choose one of 1, 2, 3, 4, 6, 12"),
        ({"d_model": 9, "n_heads": 3, "positions": "sinusoidal"}, "d_model: sinusoidal .* 9 is odd; use even"),
        ({"norm": "rms"}, "norm: 'rms' is unknown; use pre or post"),
        ({"optimizer": "sgd"}, "optimizer: 'sgd' is unknown; use adam or adamw"),
        ({"precision": "fp16"}, "precision: 'fp16' is unknown; use fp32 or bf16"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_by_field(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shape(**fields)


@pytest.mark.parametrize(
    ("norm", "positions", "tied"), list(product(["pre", "post"], ["learned", "sinusoidal"], [True, False]))
)
def test_the_number_of_parameters_is_the_module_s(norm: str, positions: str, tied: bool) -> None:
    of = shape(norm=norm, positions=positions, tie_embeddings=tied, d_ff=24)
    assert of.n_parameters == sum(p.numel() for p in Transformer(of, seed=0).parameters())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("data_seed", 2**63),
        ("beta1", 1.0),
        ("beta2", -0.1),
        ("eps", float("nan")),
        ("weight_decay", -1.0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("grad_clip", 0.0),
        ("grad_clip", float("inf")),
    ],
)
def test_a_plan_out_of_range_is_refused_by_field(field: str, value: float) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=f"{field}: .* out of range; use"):
        plan(**fields)
