"""Which workers a fleet starts and which it holds for needless."""

from fleet.plan import Standing, plan
from service.wire.placement import Demand, Offer, Resources

H100 = Offer(gpu="H100", memory_gib=79.1)
L4 = Offer(gpu="L4", memory_gib=22.5, labels={"pool": "spot"})
ANYTHING, BIG = Resources(), Resources(gpu="h100", memory_gib=40)


def need(runs: int, resources: Resources = ANYTHING) -> Demand:
    return Demand(resources=resources, runs=runs)


def started(demand: list[Demand], standing: list[Standing], *, most: int = 8, h100: int = 4, l4: int = 4) -> list[str]:
    made = plan(demand, standing, [(L4, l4), (H100, h100)], most=most, runs_per_worker=8)
    return [str(start.offer.gpu) for start in made.start]


def test_there_is_a_worker_for_every_few_runs() -> None:
    assert started([need(1)], []) == ["L4"]
    assert started([need(17)], []) == ["L4"] * 3


def test_an_empty_queue_needs_nobody() -> None:
    standing = [Standing("a", "", L4), Standing("b", "", None)]
    made = plan([], standing, [(L4, 4)], most=8, runs_per_worker=8)
    assert (made.start, made.spare) == ([], ["a", "b"])


def test_what_is_there_or_coming_counts() -> None:
    assert started([need(24)], [Standing("a", "", L4), Standing("b", "", None)]) == ["L4"]


def test_nothing_begins_beyond_the_cap_or_beyond_what_could_be_had() -> None:
    assert len(started([need(1000)], [], most=3)) == 3
    assert started([need(1000)], [], l4=1, h100=2) == ["L4", "H100", "H100"]


def test_one_that_is_still_to_be_placed_keeps_its_seat() -> None:
    assert started([need(1000)], [Standing("a", "", None)], l4=1, h100=1) == ["H100"]


def test_a_requirement_is_served_by_what_has_it_alone() -> None:
    assert started([need(8, BIG)], [Standing("a", "", L4)]) == ["H100"]
    assert started([need(8, BIG)], [Standing("a", "", H100)]) == []
    assert started([need(8, BIG)], [], h100=0) == []


def test_a_worker_on_its_way_serves_what_it_was_started_for_and_what_requires_nothing() -> None:
    coming = Standing("a", BIG.key, None)
    assert started([need(8, BIG)], [coming]) == []
    assert started([need(8)], [coming]) == []
    assert started([need(8, Resources(label={"pool": "spot"}))], [coming]) == ["L4"]


def test_demands_are_served_in_their_order() -> None:
    assert started([need(8, BIG), need(8)], [], most=1) == ["H100"]
