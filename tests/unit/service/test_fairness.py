"""How lanes are shared: what is due to whom, who is next, and who gives way."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.fairness import PULL_RANGE, Holding, Standing, allot, dues, evictions, pulls

LEAST = 300.0

STANDINGS = st.lists(
    st.builds(
        Standing,
        team=st.just(0),
        weight=st.sampled_from([0.5, 1.0, 2.0, 8.0]),
        used=st.floats(0, 1e6),
        lanes=st.integers(0, 20),
        waiting=st.integers(0, 40),
        lane_quota=st.none() | st.integers(0, 30),
    ),
    max_size=6,
).map(lambda found: [replace(one, team=number) for number, one in enumerate(found)])


def alike(team: int, **fields: float) -> Standing:
    return Standing(team=team, waiting=100, **fields)  # type: ignore[arg-type]  # counts and floats alike


def hold(run: int, team: int, *, worker: int = 0, seconds: float = 1e4, shape: str = "x", **fields: object) -> Holding:
    given = {"lanes": 1.0, **fields}
    return Holding(run=run, team=team, worker=worker, seconds=seconds, shape=shape, **given)  # type: ignore[arg-type]


def parked(
    standings: list[Standing], holdings: list[Holding], shapes: Mapping[int, set[str]], free: float = 0
) -> list[int]:
    return evictions(standings, holdings, shapes, {"x": free}, least_seconds=LEAST)


def test_lanes_go_to_teams_by_their_weights() -> None:
    assert allot([alike(1), alike(2, weight=2.0), alike(3, weight=5.0)], 16) == {1: 2, 2: 4, 3: 10}


def test_a_team_alone_gets_every_lane() -> None:
    assert allot([Standing(team=7, waiting=3)], 16) == {7: 3}


def test_a_team_without_a_lane_comes_before_any_second_lane() -> None:
    standings = [alike(1, lanes=9), alike(2, weight=100.0, lanes=1), alike(3, weight=0.01)]
    assert allot(standings, 1) == {3: 1}


def test_who_has_used_less_for_its_weight_is_first_and_pulls_more_up_to_a_factor() -> None:
    standings = [alike(1, used=1e9), alike(2, used=2e9, weight=2.0), alike(3, used=0.0)]
    assert next(iter(allot(standings, 1))) == 3
    found = pulls(standings)
    assert found[3] == pytest.approx(PULL_RANGE, rel=1e-4)
    assert found[1] == pytest.approx(found[2] / 2)
    assert min(found[team] / weight for team, weight in ((1, 1), (2, 2), (3, 1))) >= 1 / PULL_RANGE


def test_who_gave_way_a_moment_ago_is_last_of_those_without_a_lane() -> None:
    assert list(allot([replace(alike(1), gave_way=True), alike(2, used=1e9)], 2)) == [2, 1]


def test_a_lane_quota_is_never_passed_and_leaves_more_to_others() -> None:
    standings = [replace(alike(1, lanes=2), lane_quota=4), alike(2)]
    assert allot(standings, 10) == {2: 8, 1: 2}
    assert dues(standings, 10) == {1: 4, 2: 6}


@given(STANDINGS, st.integers(0, 100))
def test_what_is_due_is_all_that_there_is_or_all_that_is_wanted(standings: list[Standing], lanes: int) -> None:
    due = dues(standings, lanes)
    wanted = {one.team: one.wants for one in standings}
    assert sum(due.values()) == pytest.approx(min(lanes, sum(wanted.values())))
    pull = pulls(standings)
    content = [due[team] / pull[team] for team in due if due[team] >= wanted[team] - 1e-6]
    hungry = [due[team] / pull[team] for team in due if due[team] < wanted[team] - 1e-6]
    assert all(level == pytest.approx(hungry[0]) for level in hungry)
    assert all(level <= hungry[0] + 1e-6 for level in content) if hungry else True


@given(STANDINGS, st.integers(0, 40))
def test_what_is_allotted_is_what_waits_and_no_lane_is_left_without_need(standings: list[Standing], lanes: int) -> None:
    given_to = allot(standings, lanes)
    able = {}
    for one in standings:
        room = one.waiting if one.lane_quota is None else max(0, one.lane_quota - int(one.lanes))
        able[one.team] = min(one.waiting, room)
    assert all(0 < count <= able[team] for team, count in given_to.items())
    assert sum(given_to.values()) == min(lanes, sum(able.values()))


def test_nothing_is_parked_for_a_team_that_has_what_it_is_due_or_while_lanes_are_free() -> None:
    standings = [alike(1, lanes=2), alike(2, lanes=2)]
    holdings = [hold(run, 1 + run % 2) for run in range(4)]
    assert parked(standings, holdings, {1: {"x"}, 2: {"x"}}) == []
    assert parked([alike(1, lanes=4), alike(2)], holdings, {2: {"x"}}, free=4) == []


def test_a_waiting_team_gets_its_part_from_the_latest_runs_of_who_has_most() -> None:
    holdings = [hold(run, 1, seconds=1000.0 - run) for run in range(4)]
    assert parked([alike(1, lanes=4), alike(2)], holdings, {2: {"x"}}) == [3, 2]


def test_a_run_keeps_its_lane_for_a_while_whoever_waits() -> None:
    holdings = [hold(run, 1, seconds=LEAST - 1) for run in range(4)]
    assert parked([alike(1, lanes=4), alike(2)], holdings, {2: {"x"}}) == []


def test_runs_that_share_a_lane_give_it_up_together() -> None:
    shared = [hold(run, 1, lanes=0.5, lane="pair", seconds=400) for run in (1, 2)]
    alone = [hold(run, 1, seconds=500) for run in (3, 4, 5)]
    assert parked([alike(1, lanes=4), alike(2, lanes=1)], shared + alone, {2: {"x"}}) == [1, 2]


def test_a_worker_comes_free_whole_for_runs_of_another_shape() -> None:
    holdings = [hold(run, 1, worker=run // 2) for run in range(8)]
    standings = [alike(1, lanes=8), Standing(team=2, waiting=2)]
    assert sorted(parked(standings, holdings, {2: {"y"}})) == [0, 1]


def test_one_worker_is_had_by_turns_where_shapes_differ() -> None:
    standings = [alike(1, lanes=4), alike(2)]
    assert parked(standings, [hold(run, 1, seconds=LEAST) for run in range(4)], {2: {"y"}}) == [0, 1, 2, 3]
    heavy = [replace(standings[0], weight=4.0), standings[1]]  # due four fifths: its turns are four times as long
    assert parked(heavy, [hold(run, 1, seconds=3.9 * LEAST) for run in range(4)], {2: {"y"}}) == []
    assert len(parked(heavy, [hold(run, 1, seconds=4.1 * LEAST) for run in range(4)], {2: {"y"}})) == 4


@given(STANDINGS)
def test_giving_way_comes_to_rest(standings: list[Standing]) -> None:
    assert comes_to_rest(standings), "lanes go to and fro"


def comes_to_rest(standings: list[Standing]) -> bool:
    """Where every lane fits everybody, whoever is due a lane: whether after a few rounds nobody gives way any more."""
    standings = [replace(one, lane_quota=None) for one in standings]
    lanes = sum(int(one.lanes) for one in standings)
    for _ in range(6):
        if any(0 < due < 1 for due in dues(standings, lanes).values()):
            return True  # by turns, without end
        holdings = [hold(1000 * one.team + number, one.team) for one in standings for number in range(int(one.lanes))]
        chosen = set(parked(standings, holdings, {one.team: {"x"} for one in standings}))
        if not chosen:
            return True
        gone = {one.team: sum(held.team == one.team for held in holdings if held.run in chosen) for one in standings}
        standings = [
            replace(one, lanes=one.lanes - gone[one.team], waiting=one.waiting + gone[one.team]) for one in standings
        ]
        given_to = allot(standings, len(chosen))
        standings = [
            replace(one, lanes=one.lanes + given_to.get(one.team, 0), waiting=one.waiting - given_to.get(one.team, 0))
            for one in standings
        ]
    return False
