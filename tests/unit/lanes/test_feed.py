"""What lanes are given is what the plain loop is given, wherever the texts lie."""

import numpy as np
import torch

from tests.unit.lanes.lane_examples import plan, shape
from worker.lanes.dropout import update_seeds
from worker.lanes.feed import Feed, Share


def share(number: int, first_update: int) -> Share:
    run = plan(number)
    return Share(plan=run, first_update=first_update, lr_U=run.schedule.lrs()[first_update - 1 :][:5])


def test_each_lane_reads_its_own_text_at_its_own_update() -> None:
    shares = [share(0, 1), share(1, 4), share(0, 9), share(2, 2)]
    stretch = Feed(shape(), torch.device("cpu")).stretch(shares)
    assert (stretch.updates, stretch.lanes) == (5, 4)
    for lane, one in enumerate(shares):
        expected = one.plan.corpus.batches(one.plan.data_seed, one.first_update, 5, shape().batch_size)
        np.testing.assert_array_equal(stretch.windows_UKBS[:, lane], expected)
        np.testing.assert_array_equal(stretch.seeds_UK[:, lane], update_seeds(one.plan.seed, one.first_update, 5))


def test_dropout_costs_nothing_where_no_lane_asks_for_it() -> None:
    feed = Feed(shape(), torch.device("cpu"))
    without, some = (feed.stretch([share(number, 1) for number in numbers]) for numbers in ((0, 3), (0, 1)))
    assert without.dropout(0, slice(0, 2)) is None
    dropout = some.dropout(2, slice(0, 2))
    assert dropout is not None
    assert dropout.rates_K.tolist() == some.dropout_K.tolist()
    assert torch.equal(dropout.seeds_K, some.seeds_UK[2])


def test_a_text_is_kept_on_the_device_while_a_lane_reads_it_and_no_longer() -> None:
    feed = Feed(shape(), torch.device("cpu"))
    feed.stretch([share(0, 1), share(1, 1)])
    kept = dict(feed._texts)
    feed.stretch([share(1, 2), share(2, 1)])
    name = (plan(1).corpus.digest, plan(1).corpus.held_out)
    assert len(feed._texts) == 2
    assert feed._texts[name] is kept[name]
