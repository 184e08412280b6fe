"""Ending hopeless trials: what workers report is judged, and they are told which of their runs to end.

Nothing is written here: an order that is lost on the way is given again, by whoever hears the next report. The run ends
when its worker has closed its record and reports that it was pruned; see `docs/decisions/0020`.
"""

import logging
from collections.abc import Sequence, Set

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain import descriptions
from service.domain.curves import Curves
from service.domain.pruning import Judge
from service.store.among import among
from service.store.engine import Store
from service.store.tables import Run, Sweep, Team, in_state
from service.wire.protocol import Command, Report, RunReport

log = logging.getLogger(__name__)

MOST_KNOWN = 100_000


class Pruning:
    """Gives the orders to prune."""

    def __init__(self, store: Store, curves: Curves | None = None) -> None:
        self._store = store
        self._curves = curves or Curves()
        self._never_pruned: set[int] = set()  # runs of sweeps that have no pruner, which they keep

    def orders(self, report: Report, commands: Sequence[Command]) -> list[Command]:
        """The answer to a report that was written down: `commands`, and `prune` for runs of hopeless trials."""
        training = {
            news.run_id: news
            for news, answer in zip(report.runs, commands, strict=True)
            if answer.command == "continue" and news.outcome is None and news.run_id not in self._never_pruned
        }
        hopeless: set[int] = set()
        if training:
            with self._store.read() as session:
                pruned = _pruned_sweeps(session, list(training))
                self._note_never_pruned(training.keys() - {run_id for _, _, runs in pruned for run_id, _ in runs})
                for sweep, team, runs in pruned:
                    news = [(trial_id, training[run_id]) for run_id, trial_id in runs]
                    trials = self._hopeless(session, sweep, team, news)
                    hopeless |= {run_id for run_id, trial_id in runs if trial_id in trials}
        for run_id in sorted(hopeless):
            log.info("run %d is pruned", run_id, extra={"action": "run.pruned", "run_id": run_id})
        return [
            Command(run_id=answer.run_id, command="prune") if answer.run_id in hopeless else answer
            for answer in commands
        ]

    def _note_never_pruned(self, run_ids: Set[int]) -> None:
        if len(self._never_pruned) > MOST_KNOWN:
            self._never_pruned = set()
        self._never_pruned |= run_ids

    def _hopeless(self, session: Session, sweep: Sweep, team: str, news: Sequence[tuple[int, RunReport]]) -> set[int]:
        """Which trials of a sweep to end: those that are judged so, and those of which a run was pruned."""
        spec = descriptions.spec_of(sweep)
        steps: dict[int, set[int]] = {trial_id: set() for trial_id, _ in news}
        for trial_id, run in news:
            steps[trial_id] |= {point.step for point in run.val}
        begun = select(Run.trial_id).where(among(Run.trial_id, steps), in_state(Run.state, "pruned"))
        hopeless = set(session.scalars(begun))
        to_judge = [trial_id for trial_id, new in steps.items() if new and trial_id not in hopeless]
        if not to_judge:
            return hopeless
        judge = Judge(
            pruner=spec.pruner,
            longest=max(spec.total_steps.values),
            study=descriptions.experiment_name(team, sweep.name, sweep.id),
        )
        others = self._curves.others(session, sweep.id)
        for trial_id, curve in self._curves.of(session, to_judge).items():
            if judge.is_hopeless(curve, steps[trial_id], others):
                hopeless.add(trial_id)
        return hopeless


def _pruned_sweeps(session: Session, run_ids: Sequence[int]) -> list[tuple[Sweep, str, list[tuple[int, int]]]]:
    """The sweeps of runs that have a pruner, with their teams' names, and these runs with their trials."""
    rows = session.execute(
        select(Run.id, Run.trial_id, Sweep, Team.name)
        .join(Sweep, Run.sweep_id == Sweep.id)
        .join(Team, Sweep.team_id == Team.id)
        .where(among(Run.id, run_ids), Sweep.spec["pruner"]["type"].as_string() != "none")
    )
    found: dict[int, tuple[Sweep, str, list[tuple[int, int]]]] = {}
    for run_id, trial_id, sweep, team in rows:
        found.setdefault(sweep.id, (sweep, team, []))[2].append((run_id, trial_id))
    return list(found.values())
