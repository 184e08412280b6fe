"""The README's code, its call and its error are what a reader gets."""

import json
import re
from pathlib import Path

import pytest

from service.client import ApiError
from tests.acceptance.running import Up

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_its_python_runs() -> None:
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert type(names["rates"]).__name__ == "ScheduleLR"


def test_its_call_is_accepted(up: Up) -> None:
    (body,) = re.findall(r"-d '(.*?)'", README, flags=re.DOTALL)
    assert up.client.preview(json.loads(body)).trials == 8


def test_its_error_is_the_one_that_is_answered(up: Up) -> None:
    (body,) = re.findall(r"-d '(.*?)'", README, flags=re.DOTALL)
    sweep = json.loads(body)
    sweep["space"]["peak_lr"] = {"low": 0.003, "high": 0.01}
    with pytest.raises(ApiError) as refused:
        up.client.submit(sweep)
    (shown,) = blocks("json")
    answered = refused.value.problem.model_dump()
    assert answered.pop("request_id")
    assert answered == {key: value for key, value in json.loads(shown).items() if key != "request_id"}


def test_every_path_that_it_links_is_in_the_tree() -> None:
    paths = [path for path in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in path]
    assert paths
    assert [path for path in paths if not (Path(__file__).parents[2] / path).exists()] == []
