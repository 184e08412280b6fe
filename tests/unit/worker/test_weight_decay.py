"""The code that reproduces a winner decays the very parameters that its lane decayed."""

import pytest

from schedules import param_groups
from worker.lanes.plain import Transformer, decayed
from worker.lanes.shape import Shape


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_param_groups_and_lanes_decay_the_same_parameters(norm: str, positions: str, tied: bool) -> None:
    shape = Shape(
        d_model=16,
        n_layers=2,
        n_heads=2,
        context=8,
        batch_size=2,
        norm="pre" if norm == "pre" else "post",
        positions="learned" if positions == "learned" else "sinusoidal",
        tie_embeddings=tied,
    )
    model = Transformer(shape, seed=0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = param_groups(model, weight_decay=0.1)
    chosen = {names[id(one)] for group in groups if group["weight_decay"] == 0.1 for one in group["params"]}
    assert chosen == set(decayed(model))
    assert chosen
