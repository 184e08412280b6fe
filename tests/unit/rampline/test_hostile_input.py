"""What a file or a service may contain that would harm the person who reads it with a command."""

import io
import time

import pytest
from rich.console import Console
from rich.table import Table

from rampline.display import plain
from rampline.looking import read_mapping
from rampline.reading import MAX_BYTES, UnreadableError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "aliases"),
        ("[" * 100_000, "nested deeper"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested deeper"),
        ("{trials: 1, trials: 2}", "trials is given twice"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("x" * (MAX_BYTES + 1), "more than"),
        ("a: 1\0", "not YAML"),
        ("? [a]\n: 1", "not YAML"),
        ("a: 2026-99-99", "not YAML"),
    ],
)
def test_a_file_that_would_do_harm_is_refused_in_bounded_time(text: str, words: str) -> None:
    began = time.process_time()
    with pytest.raises(UnreadableError, match=words):
        read_mapping(text, "sweep.yaml")
    assert time.process_time() - began < 5, "a bomb would take hours"


def test_numbers_are_written_as_in_yaml_1_2() -> None:
    assert read_mapping("{a: 3e-4, b: 1.0e-9, c: -2E3, d: 5, e: x1e5}", "f") == {
        "a": 3e-4,
        "b": 1e-9,
        "c": -2e3,
        "d": 5,
        "e": "x1e5",
    }


@pytest.mark.parametrize(
    "name", ["\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "a\rb", "\u202eevil", "[bold]x[/bold]", "[/]", "\x08"]
)
def test_a_name_from_the_service_reaches_the_terminal_as_plain_text(name: str) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=80, color_system=None)
    table = Table()
    table.add_column("name")
    table.add_row(plain(name))
    console.print(table)
    console.print(plain(name))
    assert not [one for one in shown.getvalue() if not one.isprintable() and one != "\n"]
    if "[" in name and "\x1b" not in name:
        assert name in shown.getvalue()
