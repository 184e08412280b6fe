"""The examples in the docstrings run, and say what they print."""

import doctest
import importlib
import pkgutil

import pytest

import schedules

MODULES = [found.name for found in pkgutil.walk_packages(schedules.__path__, "schedules.")]


@pytest.mark.parametrize("name", ["schedules", *MODULES])
def test_the_examples_of_a_module_run(name: str) -> None:
    module = importlib.import_module(name)
    outcome = doctest.testmod(module)
    assert outcome.failed == 0


def test_every_family_has_an_example() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    for family in schedules.FAMILIES.values():
        assert any(test.examples for test in finder.find(family)), family
