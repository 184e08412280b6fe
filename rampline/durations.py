"""Lengths of time as people write them: 90d, 12h."""

import re
from datetime import timedelta

import typer

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse(text: str) -> timedelta:
    """The length of time that a text such as 30m, 12h, 90d or 4w says.

    Raises typer.BadParameter.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})([mhdw])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no length of time; write a number and m, h, d or w, such as 90d")
    return int(found[1]) * _UNITS[found[2]]
