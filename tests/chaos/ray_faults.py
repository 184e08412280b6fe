"""What happens to a fleet while a sweep trains, and what has to hold after each of it."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import optuna
from sqlalchemy import select

from service.store import clock
from service.store.tables import ENDED_RUN_STATES, Attempt, Run, Sweep, Trial, Worker
from service.wire.views import SweepView
from tests.chaos.checks import every_trial_has_exactly_one_result, nothing_is_left_over
from tests.chaos.evidence import Evidence
from tests.chaos.ray_cluster import CORPUS, RayCluster

Strike = Callable[[RayCluster], list[int]]
ACTOR_SECONDS = 15.0
NODE_SECONDS = 60.0


@dataclass(frozen=True)
class Fault:
    """What is done; it returns the runs that it displaces, when there is room for them again.

    What it displaces must not have ended by then: `longer` is how many times as long runs are trained as for others.
    """

    name: str
    strike: Strike
    limit: float
    longer: int = 1


@dataclass(frozen=True)
class Victim:
    """A worker: its slot, its process, and the machine it is on."""

    slot: str
    pid: int
    machine: str


@dataclass
class FleetRow:
    """What became of a sweep."""

    fault: str
    trials: int = 0
    displaced: int = 0
    freed_seconds: float = 0.0
    resumed_seconds: float = 0.0
    limit: float = 0.0
    from_states: int = 0
    wrong: list[str] = field(default_factory=list)


def spec(updates: int) -> dict[str, object]:
    """A grid of twelve small runs."""
    return {
        "name": "grid",
        "space": {"schedule": ["linear", "cosine", "wsd"], "warmup_steps": [10, 20], "peak_lr": [1e-3, 1e-2]},
        "sampler": {"type": "grid"},
        "total_steps": updates,
        "eval_every": max(1, updates // 4),
        "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16, "norm": "post"},
        "data": {"corpus": CORPUS, "batch_size": 4, "val_windows": 8},
    }


def play(cluster: RayCluster, fault: Fault, updates: int) -> FleetRow:
    """Submit a sweep, strike once it is trained, wait until what was displaced is trained again, then for the end.

    Times count from when there is room for the displaced runs.
    """
    row = FleetRow(fault.name, limit=fault.limit)
    sweep = cluster.client.submit(spec(updates * fault.longer)).id
    cluster.wait_until(lambda: _training(cluster), "a worker trains")
    before = _attempts(cluster)
    displaced = fault.strike(cluster)
    began = time.monotonic()
    cluster.wait_until(
        lambda: all(_is_free(cluster, run, before[run]) for run in displaced), f"runs are free after: {fault.name}"
    )
    row.freed_seconds = time.monotonic() - began
    cluster.wait_until(
        lambda: all(_went_on(cluster, run, before[run]) for run in displaced), f"runs go on after: {fault.name}"
    )
    row.resumed_seconds = time.monotonic() - began
    after = _attempts(cluster)
    row.displaced = sum(after[run] > before[run] for run in displaced)
    cluster.fleet.start()  # if it was killed: on any node, whenever
    cluster.wait_until(lambda: _view(cluster, sweep).finished_at is not None, f"sweep {sweep} has ended")
    evidence = collect(cluster, sweep)
    row.trials = len(evidence.trials)
    row.from_states = sum(any(one.resumed_from for one in evidence.attempts[run][1:]) for run in displaced)
    row.wrong = every_trial_has_exactly_one_result(evidence) + nothing_is_left_over(evidence)
    if not row.displaced:
        row.wrong.append(f"{fault.name}: nothing was displaced; let runs train longer (--updates)")
    return row


def collect(cluster: RayCluster, sweep_id: int) -> Evidence:
    """What is known of a sweep, without MLflow."""
    cluster.wait_until(lambda: not _untold(cluster, sweep_id), "Optuna knows every result")
    with cluster.store.read() as session:
        trials = list(session.scalars(select(Trial).where(Trial.sweep_id == sweep_id).order_by(Trial.number)))
        runs = list(session.scalars(select(Run).where(Run.sweep_id == sweep_id).order_by(Run.id)))
        attempts: dict[int, list[Attempt]] = {run.id: [] for run in runs}
        for attempt in session.scalars(select(Attempt).where(Attempt.run_id.in_(attempts)).order_by(Attempt.number)):
            attempts[attempt.run_id].append(attempt)
        sweep = session.get_one(Sweep, sweep_id)
    none: list[optuna.trial.FrozenTrial] = []
    return Evidence(sweep, trials, runs, attempts, {}, none, {}, [], {})


def held_by_slots(cluster: RayCluster) -> dict[str, list[int]]:
    """The runs that each worker trains in a lane, by its slot."""
    with cluster.store.read() as session:
        rows = session.execute(
            select(Worker.slot, Run.id)
            .join(Run, Run.worker_id == Worker.id)
            .where(Run.state == "running", Run.lane_share > 0)
        )
        held: dict[str, list[int]] = {}
        for slot, run in rows:
            held.setdefault(str(slot), []).append(run)
    return held


def _actor_killed(cluster: RayCluster) -> list[int]:
    victim = _victim(cluster)
    held = held_by_slots(cluster).get(victim.slot, [])
    os.kill(victim.pid, signal.SIGKILL)
    return held


def _machine_lost(cluster: RayCluster) -> list[int]:
    """The machine of a worker loses its power; a new one is switched on, and is part of the cluster after a while."""
    victim = _victim(cluster)
    name, held = victim.machine, held_by_slots(cluster).get(victim.slot, [])
    cluster.machines.pop(name).kill()
    cluster.add(f"{name}+")
    _wait_for_nodes(cluster)
    return held


def _machine_drained(cluster: RayCluster) -> list[int]:
    """A machine is added, and another one is told to drain: it ends by itself."""
    victim = _victim(cluster)
    name = victim.machine
    cluster.add(f"{name}+")
    _wait_for_nodes(cluster)
    held = held_by_slots(cluster).get(victim.slot, [])
    cluster.command("drain", name)
    drained = cluster.machines.pop(name)
    cluster.wait_until(lambda: name not in _nodes(cluster), f"Ray ends the node {name}")
    drained.kill()
    return held


def _fleet_killed(cluster: RayCluster) -> list[int]:
    """The fleet's process dies, and with it an actor, which Ray starts again without it."""
    cluster.fleet.kill()
    return _actor_killed(cluster)


def _head_killed(cluster: RayCluster) -> list[int]:
    """The head loses its power, and with it all of Ray's memory; the machines join the new one once they notice."""
    held = [run for runs in held_by_slots(cluster).values() for run in runs]
    cluster.head.kill()
    old = set(cluster.workers)
    cluster.head.start()
    cluster.wait_until(lambda: not old & set(cluster.workers), "the workers of the old cluster are gone")
    _wait_for_nodes(cluster)
    return held


def faults() -> list[Fault]:
    """All of them, in an order in which each leaves the cluster as the next one needs it."""
    return [
        Fault("a worker's process killed", _actor_killed, ACTOR_SECONDS),
        Fault("the fleet's process and a worker's killed", _fleet_killed, ACTOR_SECONDS),
        Fault("a machine lost, another added", _machine_lost, NODE_SECONDS, longer=4),
        Fault("a machine added, another drained", _machine_drained, NODE_SECONDS, longer=4),
        Fault("Ray's head lost with all of its memory", _head_killed, NODE_SECONDS, longer=16),
    ]


def markdown(rows: list[FleetRow]) -> str:
    """The table."""
    heads = ["what was done", "trials", "one result each", "runs displaced", "of them from a state"]
    heads += ["free after, s", "trained again after, s", "allowed, s"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [
        f"| {row.fault} | {row.trials} | {'no' if row.wrong else 'yes'} | {row.displaced} | {row.from_states} |"
        f" {row.freed_seconds:.1f} | {row.resumed_seconds:.1f} | {row.limit:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def _victim(cluster: RayCluster) -> Victim:
    """A worker that trains."""
    found: list[Victim] = []

    def look() -> bool:
        shown = cluster.status()
        names = {node["id"]: node["name"] for node in shown["nodes"]}
        held = held_by_slots(cluster)
        found.extend(
            Victim(one["slot"], one["pid"], names[one["node"]])
            for one in shown["workers"]
            if one["slot"] in held and one["state"] == "alive" and one["node"] in names
        )
        return bool(found)

    cluster.wait_until(look, "a worker trains")
    return found[0]


def _wait_for_nodes(cluster: RayCluster) -> None:
    """Wait until every machine that is switched on is a node of the cluster."""

    cluster.wait_until(lambda: set(cluster.machines) <= _nodes(cluster), "all machines are nodes")


def _nodes(cluster: RayCluster) -> set[str]:
    """The names of the nodes that live, none while the head does not answer."""
    try:
        return {node["name"] for node in cluster.status()["nodes"]}
    except AssertionError:
        return set()


def _training(cluster: RayCluster) -> set[int]:
    with cluster.store.read() as session:
        return set(session.scalars(select(Run.worker_id).where(Run.state == "running", Run.step > 0)))


def _attempts(cluster: RayCluster) -> dict[int, int]:
    with cluster.store.read() as session:
        return {run.id: run.attempt for run in session.scalars(select(Run))}


def _went_on(cluster: RayCluster, run_id: int, attempt: int) -> bool:
    with cluster.store.read() as session:
        run = session.get_one(Run, run_id)
        return run.attempt > attempt or run.state in ENDED_RUN_STATES


def _is_free(cluster: RayCluster, run_id: int, attempt: int) -> bool:
    """Whether whoever asks for a run would get this one, or somebody did."""
    with cluster.store.read() as session:
        run = session.get_one(Run, run_id)
        expired = run.lease_expires_at is None or run.lease_expires_at <= clock.now(session)
        return run.attempt > attempt or run.state != "running" or expired


def _untold(cluster: RayCluster, sweep_id: int) -> bool:
    with cluster.store.read() as session:
        return bool(session.scalars(select(Trial.id).where(Trial.sweep_id == sweep_id, Trial.to_tell).limit(1)).all())


def _view(cluster: RayCluster, sweep_id: int) -> SweepView:
    return cluster.client.sweep(sweep_id)


def wait_until_all_is_given_back(cluster: RayCluster) -> float:
    """Wait until no worker and no actor is left; returns the seconds."""
    began = time.monotonic()
    cluster.wait_until(lambda: not cluster.workers, "no worker is left")
    cluster.wait_until(lambda: cluster.status()["workers"] == [], "no actor is left")
    return time.monotonic() - began
