"""The log: lines for people or JSON for machines, each naming the request, and the sweep or worker, that it is about.

Every line of the service carries its `action` (`extra={"action": ...}`), a word that programs may rely on. A line
without one, of a library for example, gets the name of its logger and function.
"""

import json
import logging
from collections.abc import MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from typing_extensions import override

LogFormat = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What a record has of itself; whatever else it has was given by `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_ids: ContextVar[MutableMapping[str, object] | None] = ContextVar("ids", default=None)


def configure(log_format: LogFormat, level: str) -> None:
    """Write the log of this process to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for noisy in ("httpx", "alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def begin(request_id: str) -> None:
    """Let the lines that are written from here on, in this context, name a request."""
    _ids.set({"request_id": request_id})


def bind(**ids: object) -> None:
    """Let this request's lines, also the one that ends it, name what it turned out to be about."""
    found = _ids.get()
    if found is not None:
        found.update(ids)


def bound() -> dict[str, object]:
    """What the lines of this context name."""
    return dict(_ids.get() or {})


def request_id() -> str | None:
    """The id of the request that is served in this context."""
    found = bound().get("request_id")
    return str(found) if found is not None else None


class JsonFormatter(logging.Formatter):
    """A JSON object a line: `time` (UTC), `level`, `logger`, `action`, `message`, ids, and the `exception` if any."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        given = {name: value for name, value in vars(record).items() if name not in _OWN and name[0] != "_"}
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "action": given.pop("action", None) or f"{record.name}.{record.funcName.strip('_')}",
            "message": record.getMessage(),
            **bound(),
            **given,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
