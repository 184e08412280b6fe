"""What a trial costs the service in studies: asking for it and telling its result, with more and more trials there.

    python benchmarks/study_cost.py --postgres

Studies of several sizes are measured in turns, a batch of each and then again, so that whatever else the machine does
falls on all of them alike. A figure is the median of the batches, in milliseconds for a trial: what passes, and what
this process computes, which a busy machine changes little. It is that of the studies alone (Optuna's storage and
samplers; our own rows are in benchmarks/service_load.py). The studies are filled by copying their first hundred trials
within the database. SQLite, or a PostgreSQL of its own that does not wait for the disk: waiting would hide what grows.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parent.parent))
from service.domain.axes import Point
from service.domain.past import Lesson, Past
from service.domain.space import SCHEDULE, SearchSpace
from service.settings import Settings
from service.studies import Result, Studies
from service.wire.sweep import SweepSpec
from tests.postgres import running as running_postgres

SIZES = (100, 1_000, 10_000, 50_000)
FIRST = SIZES[0]
SPACE = {
    "schedule": ["noam", "linear", {"type": "wsd", "decay_fraction": {"low": 0.1, "high": 0.5}}],
    "warmup_steps": {"low": 10, "high": 90},
    "peak_lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "factor": {"low": 0.5, "high": 2.0},
}
NUMBERS = "WITH RECURSIVE series(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n + 1 < :most)"
COPIED = {
    "trial_params": "param_name, param_value, distribution_json",
    "trial_values": "objective, value, value_type",
    "trial_intermediate_values": "step, intermediate_value, intermediate_value_type",
    "trial_user_attributes": "key, value_json",
}


class Study:
    """One sweep's study of a size, and what its sampler knows of it."""

    def __init__(self, studies: Studies, kind: str, name: str) -> None:
        self._studies = studies
        self._kind = kind
        self._name = f"{kind} {name}"
        sampler = "random" if kind == "grid" else kind
        spec = {"space": SPACE, "sampler": {"type": sampler}, "trials": 100_000, "total_steps": 300}
        self._space = SearchSpace(SweepSpec.model_validate(spec))
        self._draw = random.Random(name)
        self._past = Past()
        self._next = 0
        studies.tell_or_add(self._name, self._space, {})  # makes it

    @property
    def size(self) -> int:
        """How many trials it has."""
        return self._next

    def grow(self, count: int) -> tuple[float, float]:
        """Ask for trials and tell their results; the milliseconds for each that passed, and that were computed."""
        began = time.perf_counter(), time.process_time()
        if self._kind == "grid":
            points = [(self._next + index, _of_a_grid(self._draw)) for index in range(count)]
        else:
            points = self._studies.propose(self._name, self._space, known=self._next, count=count, past=self._past)
        ends = [_result(self._draw, number) for number, _ in points]
        results = {number: (point, end) for (number, point), end in zip(points, ends, strict=True)}
        self._studies.tell_or_add(self._name, self._space, results)
        spent = time.perf_counter() - began[0], time.process_time() - began[1]
        for (number, point), end in zip(points, ends, strict=True):
            self._learn(number, point, end.value or 0.0)
        self._next = points[-1][0] + 1
        return 1000 * spent[0] / count, 1000 * spent[1] / count

    def _learn(self, number: int, point: Point, value: float) -> None:
        self._past.learn(Lesson(number=number, point=point, value=value))

    def fill(self, size: int, origin: "Study") -> None:
        """Add copies of another study's trials, as many as make the size."""
        storage = self._studies.storage
        named = {"study": self._name, "origin": origin._name}
        given = {key: storage.get_study_id_from_name(name) for key, name in named.items()} | {"most": size}
        columns = "number, study_id, state, datetime_start, datetime_complete"
        with storage.engine.begin() as connection:
            connection.execute(
                text(
                    f"INSERT INTO trials ({columns}) {NUMBERS} SELECT n, :study, state, datetime_start,"
                    f" datetime_complete FROM series JOIN trials ON study_id = :origin AND number = n % {FIRST}"
                ),
                given,
            )
            connection.execute(text("ANALYZE"))  # or the copying of what belongs to them is planned as if they were few
            for table, names in COPIED.items():
                own = ", ".join(f"one.{name}" for name in names.split(", "))
                connection.execute(
                    text(
                        f"INSERT INTO {table} (trial_id, {names}) SELECT copy.trial_id, {own} FROM trials copy"
                        f" JOIN trials first ON first.study_id = :origin AND first.number = copy.number % {FIRST}"
                        f" JOIN {table} one ON one.trial_id = first.trial_id WHERE copy.study_id = :study"
                    ),
                    given,
                )
        with storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        for number in range(size):
            copied = origin._past.ended[number % FIRST]
            self._learn(number, copied.point, copied.value + number * 1e-9)
        self._next = size


def _of_a_grid(draw: random.Random) -> Point:
    return {SCHEDULE: "linear", "warmup_steps": draw.randint(10, 90), "peak_lr": draw.uniform(1e-4, 1e-1)}


def _result(draw: random.Random, number: int) -> Result:
    """A result with three losses on the way, and what a study is told besides."""
    loss = draw.uniform(2, 4)
    attributes: dict[str, int | float | str] = {"trial": number, "outcome": "completed", "attempts": 1, "evictions": 0}
    return Result(value=loss, intermediate={0: 5.5, 150: loss + 0.3, 300: loss}, attributes=attributes)


def measure(studies: Studies, kind: str, sizes: list[int], turns: int, batch: int) -> dict[int, tuple[float, float]]:
    """The cost of a trial at each size: passed, and computed."""
    origin = Study(studies, kind, "of the first trials")
    while origin.size < FIRST:
        origin.grow(FIRST // 4)
    large: dict[int, Study] = {}
    found: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for turn in range(turns):
        for size in random.Random(turn).sample(sizes, len(sizes)):
            study = large.get(size)
            if study is None:
                study = Study(studies, kind, f"{size} {turn}")
                study.fill(size, origin)
                study.grow(1)
            if size > FIRST:  # the smallest would have grown by half after a few turns
                large[size] = study
            found[size].append(study.grow(batch))
    return {
        size: (statistics.median(cost[0] for cost in costs), statistics.median(cost[1] for cost in costs))
        for size, costs in found.items()
    }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--samplers", nargs="+", default=["grid", "random", "tpe"])
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    sizes = sorted({FIRST, *options.sizes})
    print("| sampler |" + "".join(f" {size:,} |" for size in sizes) + " largest / smallest |")
    print("|---|" + "---|" * (len(sizes) + 1))
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        url = stack.enter_context(running_postgres()).fresh() if options.postgres else None
        studies = Studies(Settings(data_dir=Path(directory), database_url=url).optuna)
        stack.callback(studies.close)
        for kind in options.samplers:
            cost = measure(studies, kind, sizes, options.turns, options.batch)
            for index, name in enumerate((kind, f"{kind}, computed")):
                row = "".join(f" {cost[size][index]:.1f} |" for size in sizes)
                ratio = cost[sizes[-1]][index] / cost[sizes[0]][index]
                print(f"| {name} |{row} {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
