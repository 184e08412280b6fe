"""What a cluster has, in Ray's terms and in ours."""

import pytest

from fleet.inventory import NodeType, Place, capacity, kind_of, node_types
from fleet.settings import FleetError, FleetSettings
from service.wire.placement import Offer

SETTINGS = FleetSettings(cpu_workers=2, gpus_per_worker=0.5)
FILE = {
    "max_workers": 10,
    "available_node_types": {
        "head": {"resources": {"CPU": 4}, "max_workers": 0},
        "big": {
            "resources": {"CPU": 64, "GPU": 8, "accelerator_type:H100": 1},
            "labels": {"pool": "a", "rampline/memory-gib": "79.1"},
            "max_workers": 3,
        },
    },
}


def place(name: str, offer: Offer, workers: int, *, draining: bool = False) -> Place:
    return Place(node_id=name, name=name, address="", offer=offer, workers=workers, draining=draining)


def test_a_node_with_gpus_has_workers_for_each_or_for_parts() -> None:
    offer, workers = kind_of(
        {"CPU": 8, "GPU": 2, "accelerator_type:L4": 1}, {"ray.io/node-id": "x", "pool": "a"}, SETTINGS
    )
    assert (offer, workers) == (Offer(gpu="L4", labels={"pool": "a"}), 4)


def test_a_node_without_gpus_has_as_many_as_asked_for_and_as_fit() -> None:
    assert kind_of({"CPU": 8}, {}, SETTINGS) == (Offer(), 2)
    assert kind_of({"CPU": 1}, {}, SETTINGS) == (Offer(), 1)
    assert kind_of({"CPU": 8}, {}, FleetSettings()) == (Offer(), 0)


def test_a_label_that_is_no_number_of_gib_is_told() -> None:
    with pytest.raises(FleetError, match="rampline/memory-gib"):
        kind_of({"GPU": 1}, {"rampline/memory-gib": "much"}, SETTINGS)


def test_the_autoscalers_file_says_what_could_be_added() -> None:
    offer = Offer(gpu="H100", memory_gib=79.1, labels={"pool": "a"})
    assert node_types(FILE, SETTINGS) == [NodeType(name="big", offer=offer, workers=16, nodes=3)]


@pytest.mark.parametrize("wrong", [None, [], {"node_types": {}}, {"available_node_types": {"x": 3}}])
def test_a_file_of_something_else_is_refused(wrong: object) -> None:
    with pytest.raises(FleetError, match="available_node_types"):
        node_types(wrong, SETTINGS)


def test_living_nodes_of_a_type_are_among_those_that_could_be_added() -> None:
    offer, other = Offer(gpu="H100"), Offer(gpu="L4")
    types = [NodeType(name="big", offer=offer, workers=8, nodes=2)]
    living = [place("a", offer, 8), place("b", other, 1), place("c", other, 1, draining=True)]
    assert capacity(living, types) == [(offer, 16), (other, 1)]
    assert capacity([], types) == [(offer, 16)]
