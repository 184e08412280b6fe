"""Ends of the wire of two versions: each says only what the other understands; frozen protocols stay what they were."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from pydantic import Field

from service.wire import versions
from service.wire.base import Record
from service.wire.description import RunDescription
from service.wire.versions import NEWEST, OLDEST, NewWord, Since, spoken, told
from tests import protocols

OLDER = range(OLDEST, NEWEST)
RECORDS = (*protocols.CALLS, *protocols.ANSWERS)
BY_TYPE = {"string": "text", "integer": 2, "number": 0.5, "boolean": True, "object": {}, "null": None}


class Part(Record):
    """A record within others."""

    name: str
    word: Annotated[Literal["go", "stop", "park"], NewWord("park", since=2, before="go")] = "go"
    size: Annotated[int, Since(2)] = 0


class Whole(Record):
    """A record that holds others in every way."""

    parts: list[Part]
    one: Part
    other: Part | None = None
    later: Annotated[list[Part], Since(2)] = Field(default=[])
    much_later: Annotated[float, Since(3)] = 0.0


def test_a_version_is_spoken_without_the_fields_and_words_that_came_after_it() -> None:
    part = Part(name="a", word="park", size=3)
    whole = Whole(parts=[part, Part(name="b")], one=part, other=part, later=[part], much_later=1.0)
    old = '{"name":"a","word":"go"}'
    assert spoken(whole, 1) == f'{{"parts":[{old},{{"name":"b","word":"go"}}],"one":{old},"other":{old}}}'
    new = '{"name":"a","word":"park","size":3}'
    of_two = f'"parts":[{new},{{"name":"b","word":"go","size":0}}],"one":{new},"other":{new},"later":[{new}]'
    assert spoken(whole, 2) == f"{{{of_two}}}"
    assert spoken(Whole(parts=[], one=part), 1) == f'{{"parts":[],"one":{old},"other":null}}'


@pytest.mark.parametrize(
    ("header", "version"), [(None, 1), ("", 1), ("nonsense", 1), ("1-1", 1), ("1-2", 2), ("2-2", 2), ("2-9", 2)]
)
def test_the_newest_common_version_is_found_in_the_header(
    header: str | None, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "NEWEST", 2)
    assert told(header) == version


def test_a_disagreement_says_which_side_to_upgrade() -> None:
    assert "install Rampline 7.1 where the worker runs" in versions.disagreement(OLDEST - 1, "7.1")
    assert "upgrade the service first" in versions.disagreement(NEWEST + 1, "7.1")


def test_no_record_changes_without_a_new_version() -> None:
    assert protocols.current() == protocols.kept(NEWEST), (
        f"a record of the workers' protocol has changed. If version {NEWEST} has been released, raise NEWEST in "
        "service/wire/versions.py; mark what is new with Since or NewWord; then run: python -m tests.protocols"
    )


def test_a_released_protocol_is_frozen() -> None:
    assert {version: protocols.digest(version) for version in protocols.FROZEN} == protocols.FROZEN
    assert set(OLDER) <= set(protocols.FROZEN)


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("version", OLDER)
def test_an_older_end_understands_whatever_is_said_in_its_version(version: int, record: type[Record]) -> None:
    frozen = jsonschema_rs.validator_for(protocols.kept(version)[record.__name__])
    for example in examples(record.model_json_schema()):
        said = spoken(record.model_validate(example), version)
        faults = [f"{error.instance_path}: {error.message}" for error in frozen.iter_errors(json.loads(said))]
        assert faults == [], "mark what this version lacks with Since or NewWord"


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("version", OLDER)
def test_whatever_an_older_end_says_is_understood(version: int, record: type[Record]) -> None:
    for example in examples(protocols.kept(version)[record.__name__]):
        understood = record.model_validate(example).model_dump(mode="json", by_alias=True)
        assert keeps(understood, example)


def keeps(understood: Any, said: Any) -> bool:
    """Whether all that was said is in what was understood, which may have more fields."""
    match said:
        case dict():
            return all(name in understood and keeps(understood[name], value) for name, value in said.items())
        case list():
            return len(understood) == len(said) and all(map(keeps, understood, said))
    return bool(understood == said)


def test_nothing_that_decides_a_result_can_be_left_out_of_a_lease() -> None:
    """A worker would train something else. Runs that need it must not be granted to workers that lack it."""
    for name, field in every_field(RunDescription):
        assert not any(isinstance(mark, Since | NewWord) for mark in field.metadata), name


def every_field(record: type[Record]) -> list[tuple[str, Any]]:
    found = []
    for name, field in record.model_fields.items():
        found.append((f"{record.__name__}.{name}", field))
        for inner, _ in versions._records(field.annotation):
            found += every_field(inner)
    return found


def examples(schema: dict[str, Any]) -> list[Any]:
    """Instances with every field; each word of every enumeration is in one of them."""
    return [example(schema, schema.get("$defs", {}), turn) for turn in range(8)]


def example(schema: Mapping[str, Any], definitions: Mapping[str, Any], turn: int) -> Any:
    made: Any
    match schema:
        case {"$ref": str(reference)}:
            made = example(definitions[reference.rpartition("/")[2]], definitions, turn)
        case {"enum": [*words]}:
            made = words[turn % len(words)]
        case {"anyOf": [*choices]}:
            made = example(choices[turn % len(choices)], definitions, turn)
        case {"properties": properties}:
            made = {name: example(inner, definitions, turn) for name, inner in properties.items()}
        case {"prefixItems": [*items]}:
            made = [example(inner, definitions, turn) for inner in items]
        case {"type": "array", "items": items}:
            made = [example(items, definitions, turn)] * 2
        case _:
            made = BY_TYPE[schema["type"]]
    return made
