"""What sharing beginnings saves: updates asked for, updates executed, and the least that a trie over the rates allows.

    python benchmarks/sharing.py

Two sweeps are validated, laid out and ordered as the service does, and trained by one worker's shared lanes with a
tiny model, on several numbers of lanes. Executed is counted update by update. Nothing here is a measure of time.

Then the trunk's sweep comes in three, one horizon after the other, each to another worker: what is left to execute when
a run goes on from the states that earlier workers kept at forks and branch points.
"""

import argparse
import json
import sys
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import torch

import schedules
from service.domain.plan import plan as laid_out
from service.domain.siblings import handing_out, trunks
from service.wire.sweep import SweepSpec
from worker.lanes.data import Corpus
from worker.lanes.identity import branch_point, prefix_digests
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape
from worker.lanes.sharing import SharedLanes
from worker.lanes.state import State

SHAPE = Shape(d_model=8, n_layers=1, n_heads=1, context=8, batch_size=1)
STRETCH = 25
Kept = dict[tuple[int, str], State]
SWEEPS: dict[str, dict[str, Any]] = {
    "6 types x 4 peaks x 4 warmups": {
        "space": {
            "schedule": [
                "linear",
                "cosine",
                "constant",
                "inverse_sqrt",
                {"type": "polynomial", "power": 2.0},
                {"type": "wsd", "decay_fraction": 0.2},
            ],
            "warmup_steps": [20, 40, 80, 160],
            "peak_lr": [0.0005, 0.001, 0.002, 0.004],
        },
        "total_steps": 400,
    },
    "1 trunk x 3 horizons x 4 cooldowns": {
        "space": {
            "schedule": [{"type": "wsd", "decay_fraction": part} for part in (0.1, 0.2, 0.3, 0.4)],
            "warmup_steps": [20],
            "peak_lr": [0.001],
        },
        "total_steps": {"values": [200, 400, 600]},
    },
}


def main(arguments: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    results = [measured(name, lanes) for name in SWEEPS for lanes in arguments.lanes]
    results += [measured_in_parts("1 trunk x 3 horizons x 4 cooldowns", lanes) for lanes in arguments.lanes]
    print(f"{'sweep':<36}{'runs':>5}{'lanes':>6}{'asked':>8}{'executed':>10}{'bound':>8}{'ex/bound':>10}{'saved':>8}")
    for one in results:
        print(
            f"{one['sweep']:<36}{one['runs']:>5}{one['lanes']:>6}{one['asked']:>8}{one['executed']:>10}{one['bound']:>8}"
            f"{one['executed'] / one['bound']:>10.3f}{one['asked'] / one['executed']:>7.2f}x"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(one["executed"] <= 1.02 * one["bound"] for one in results) else 1


def measured(name: str, lanes: int) -> dict[str, Any]:
    """Train a sweep on so many lanes."""
    queue = queue_of(name)
    plans = [one for _, one in queue]
    asked = sum(one.total_steps for one in plans)
    executed, reached = train(queue, lanes)
    assert reached == asked, "a run did not get all of its updates"
    bound = schedules.distinct_updates([one.schedule for one in plans])
    return {"sweep": name, "runs": len(plans), "lanes": lanes, "asked": asked, "executed": executed, "bound": bound}


def measured_in_parts(name: str, lanes: int) -> dict[str, Any]:
    """Train the horizons of a sweep one after the other, on workers that have the states of those before in common."""
    plans = queue_of(name)
    kept: Kept = {}
    executed = reached = 0
    for horizon in sorted({one.total_steps for _, one in plans}):
        part = train([one for one in plans if one[1].total_steps == horizon], lanes, kept)
        executed, reached = executed + part[0], reached + part[1]
    asked = sum(one.total_steps for _, one in plans)
    assert reached == asked, "a run did not get all of its updates"
    bound = schedules.distinct_updates([one.schedule for _, one in plans])
    return {
        "sweep": "the same, a horizon a worker",
        "runs": len(plans),
        "lanes": lanes,
        "asked": asked,
        "executed": executed,
        "bound": bound,
    }


def furthest(kept: Kept, plan: Plan) -> State | None:
    """The furthest state that a run can go on from."""
    digests = prefix_digests(plan.schedule.lrs(), (update for update, _ in kept))
    fitting = [state for (update, prefix), state in kept.items() if digests.get(update) == prefix]
    return max(fitting, key=lambda state: state.update, default=None)


def queue_of(name: str) -> list[tuple[str, Plan]]:
    """The runs of a sweep in the order in which the service hands them out, each with its trunk."""
    spec = SweepSpec.model_validate({**SWEEPS[name], "sampler": {"type": "grid"}})
    grid = laid_out(spec).grid
    trunk = trunks(1, grid, min(spec.total_steps.values))
    corpus = Corpus("\n".join(topics.values()).encode()[:100_000], context=SHAPE.context, val_windows=2)
    return [
        (trunk[index], Plan(schedule=schedules.build(grid[index].schedule), corpus=corpus))
        for index, _ in handing_out(grid, 1)
    ]


def train(queue: list[tuple[str, Plan]], capacity: int, kept: Kept | None = None) -> tuple[int, int]:
    """Train all runs; the lane-updates that were executed, and the updates that the runs got.

    With ``kept``, runs go on from what is there, and add to it.
    """
    lanes = SharedLanes[int](SHAPE, capacity)
    updates: dict[int, int] = {}
    executed = arrived = 0
    branches = [branch_point(plan.schedule) for _, plan in queue]

    def keep(number: int) -> None:
        if kept is not None:
            digests = prefix_digests(queue[number][1].schedule.lrs(), [updates[number]])
            kept.setdefault((updates[number], digests[updates[number]]), lanes.state(number))

    while arrived < len(queue) or lanes.keys:
        while lanes.room > 0 and arrived < len(queue):
            trunk, _ = queue[arrived]
            while arrived < len(queue) and queue[arrived][0] == trunk:  # as one worker is granted them
                _, plan = queue[arrived]
                state = furthest(kept or {}, plan)
                past = lanes.admit(arrived, plan, eval_every=plan.total_steps, state=state)
                updates[arrived] = sum(len(log.lr) for log in past.logs)
                arrived += 1
        lanes.seat(keep)
        lanes.evaluate(
            [number for number in lanes.seated if not updates[number]]
        )  # what joins later needs these losses
        to_branch = (branches[number] - updates[number] for number in lanes.seated)
        stretch = min(STRETCH, lanes.remaining, *(left for left in to_branch if left > 0))
        executed += stretch * lanes.lanes
        for number, log in lanes.advance(stretch).items():
            updates[number] += len(log.lr)
            assert log.diverged_at is None
            if updates[number] == branches[number]:
                keep(number)
            if updates[number] == queue[number][1].total_steps:
                lanes.remove(number)
    return executed, sum(updates.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--json", type=Path, help="also write the results here")
    sys.exit(main(parser.parse_args()))
