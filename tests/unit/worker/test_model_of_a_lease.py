"""What a sweep says of its model reaches the lanes."""

from service.wire.sweep import Model
from tests.unit.worker.test_loop import FakeCorpora, lease
from worker.training import Training


def test_precision_is_part_of_the_shape_and_dropout_of_the_plan() -> None:
    model = Model(d_model=16, n_layers=1, n_heads=2, context=16, dropout=0.25, precision="bf16")
    training = Training.of(lease(1, model=model), FakeCorpora())
    assert training.shape.precision == "bf16"
    assert training.plan.dropout == 0.25


def test_without_a_word_there_is_no_dropout_and_all_is_fp32() -> None:
    training = Training.of(lease(1), FakeCorpora())
    assert training.shape.precision == "fp32"
    assert training.plan.dropout == 0
