"""The pages about schedules: their code runs, and each form that people use has its picture."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from schedules import FAMILIES
from schedules.modes import MODES

FOLDER = Path(__file__).parents[3] / "docs" / "schedules"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("schedule_pages", FOLDER / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = _load()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_the_code_of_a_page_runs(path: Path) -> None:
    page = PAGES.run(path.read_text(encoding="utf-8"), path.stem)
    assert page.markdown.count("```python") >= 1
    assert all(f"]({name})" in page.markdown for name in page.pictures)


def test_each_of_the_eleven_forms_has_an_entry_and_each_curve_a_picture() -> None:
    text = (FOLDER / "which-answer-is-right.md").read_text(encoding="utf-8")
    entries = re.split(r"^## (?=\d+\. )", text, flags=re.MULTILINE)[1:]
    assert [entry.split(".")[0] for entry in entries] == [str(number) for number in range(1, 12)]
    without = [entry.split(".")[0] for entry in entries if "figure = " not in entry]
    assert without == ["8"]  # weight decay, which is no curve


@pytest.mark.parametrize("name", FAMILIES)
def test_the_page_of_a_family_has_formula_source_use_and_picture(name: str) -> None:
    markdown, pictures = PAGES.family_page(FAMILIES[name])
    for part in ("Formula", "Source", "Used by", "Choose it"):
        assert f"**{part}:** " in markdown
    assert set(pictures) == {f"{name}.svg"}
    assert all(f"| `{parameter.name}` |" in markdown for parameter in FAMILIES[name].parameters())


def test_the_tables_name_every_family_and_every_mode() -> None:
    assert all(f"families/{name}.md" in PAGES.families_table() for name in FAMILIES)
    assert all(f"| `{mode}` |" in PAGES.modes_table() for mode in MODES)
