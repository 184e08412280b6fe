"""The page of settings names every setting and no other."""

import re
from pathlib import Path

from service.settings import Settings
from worker.settings import WorkerSettings

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()


def test_the_page_names_every_setting_and_no_other() -> None:
    service, worker = PAGE.split("## A worker")
    for text, settings in ((service, Settings), (worker, WorkerSettings)):
        named = set(re.findall(r"`RAMPLINE_([A-Z_]+)`", text))
        assert named == {name.upper() for name in settings.model_fields}
