"""What samplers learn from, read from our rows: the same bit by bit as at once."""

from service.domain.past import Lesson, Past, Pasts
from service.domain.space import SearchSpace
from service.store.tables import Sweep
from service.wire.protocol import Outcome
from service.wire.sweep import SweepSpec
from tests.integration.harness import TPE, Harness, news, value_of
from tests.integration.test_pruning import pruned, told


def past_of(harness: Harness, pasts: Pasts, sweep: int) -> Past:
    with harness.store.read() as session:
        found = session.get_one(Sweep, sweep)
        return pasts.of(session, found, SearchSpace(SweepSpec.model_validate(found.spec)))


def test_lessons_are_those_of_ended_trials_in_the_order_of_their_ends(harness: Harness) -> None:
    sweep, worker, known = harness.submit(TPE, trials=9), harness.worker(), Pasts()
    first, second, third, *others = harness.claim(worker, 6)
    assert (past_of(harness, known, sweep).ended, len(past_of(harness, known, sweep).running)) == ([], 6)
    harness.report(worker, told(second, 10, 4.5, pruned(4.5)))
    harness.finish(worker, [first])
    assert [lesson.number for lesson in past_of(harness, known, sweep).ended] == [second.trial, first.trial]
    harness.report(worker, news(third, Outcome(state="failed", cause="bad_data", error="unreadable")))
    harness.finish(worker, others)
    assert harness.train(worker) == 3
    whole = past_of(harness, known, sweep)
    assert whole == past_of(harness, Pasts(), sweep)
    assert whole.running == []
    points = {trial.number: trial.params for trial in harness.trials(sweep)}
    assert whole.ended[:2] == [
        Lesson(number=second.trial, point=points[second.trial], value=4.5, pruned_at=10),
        Lesson(number=first.trial, point=points[first.trial], value=value_of(first)),
    ]
    assert len(whole.ended) == 8  # what failed teaches nothing
    assert whole.selection(2) == [min(whole.ended, key=lambda one: one.value), whole.ended[-1]]
