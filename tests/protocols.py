"""The workers' protocol as JSON schemas, one file for each version.

`python -m tests.protocols` writes those of the newest version. Those of a released version are frozen for good.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from service.wire.base import Record
from service.wire.protocol import Claim, Granted, Hello, Orders, Release, Report, Welcome
from service.wire.versions import NEWEST

CALLS: tuple[type[Record], ...] = (Hello, Claim, Report, Release)
ANSWERS: tuple[type[Record], ...] = (Welcome, Granted, Orders)
# The sha256 of the file of each version that has been released.
FROZEN = {1: "5f9f3c573a9b1b90c6d5070b27106f1819f8198959ca8d87e4b7c47c13166025"}
_FILES = Path(__file__).parent / "data" / "protocols"


def current() -> dict[str, Any]:
    """The schemas of the records as they are, without what they say to people."""
    return {record.__name__: _bare(record.model_json_schema()) for record in (*CALLS, *ANSWERS)}


def _bare(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    for_people = {name for name in ("description", "title") if isinstance(schema.get(name), str)}
    return {name: _bare(inner) for name, inner in schema.items() if name not in for_people}


def kept(version: int) -> dict[str, Any]:
    """The schemas of a version."""
    schemas: dict[str, Any] = json.loads(_file(version).read_text())
    return schemas


def digest(version: int) -> str:
    """The sha256 of a version's file."""
    return hashlib.sha256(_file(version).read_bytes()).hexdigest()


def _file(version: int) -> Path:
    return _FILES / f"{version}.json"


if __name__ == "__main__":
    assert NEWEST not in FROZEN, f"version {NEWEST} has been released: raise NEWEST in service/wire/versions.py"
    _file(NEWEST).write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n")
