"""The page on outcomes is the table of the code."""

import re
from pathlib import Path
from typing import get_args

from service.domain import triage
from service.store.tables import ATTEMPT_ENDS, FAILURE_CAUSES
from service.wire.views import AttemptOutcome, RunOutcome

PAGE = (Path(__file__).parents[3] / "docs" / "outcomes.md").read_text()


def test_the_page_shows_every_rule_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    rules = [(name, str(rule.tries or "any number"), rule.why) for name, rule in triage.RULES.items()]
    assert rows == rules


def test_every_stored_end_is_shown_as_an_outcome_and_the_reverse() -> None:
    assert {triage.shown(stored) for stored in ATTEMPT_ENDS} == set(get_args(AttemptOutcome))
    assert set(FAILURE_CAUSES) <= set(get_args(RunOutcome))
    assert set(get_args(RunOutcome)) - set(get_args(AttemptOutcome)) == {"quarantined"}
