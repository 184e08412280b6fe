"""What path a request means: one meaning only, so that what was checked is what MLflow is asked for."""

import re
from urllib.parse import quote

from service.errors import BadRequestError

# A segment of a path once it is decoded. What is left out has a meaning somewhere: separators, a percent sign (it would
# be decoded again), the characters that begin a query or a fragment, and controls.
_SEGMENT = re.compile(r"[^/\\%?#\x00-\x1f\x7f]+")


def checked(path: str, raw: bytes) -> str:
    """A decoded path, below the door, that begins with a slash; `raw` is the path as it came.

    Raises BadRequestError: it leaves the door, or has two meanings.
    """
    encoded = any(separator in raw.lower() for separator in (b"%2f", b"%5c"))
    if encoded or path.startswith("//") or not path.startswith("/"):
        raise _refusal(path)
    demand_plain(path[1:].removesuffix("/"))
    return path


def demand_plain(path: str) -> None:
    """Raise BadRequestError unless a relative path is a plain one: no dots, nothing encoded, no empty segments."""
    segments = path.split("/") if path else []
    if any(segment in (".", "..") or not _SEGMENT.fullmatch(segment) for segment in segments):
        raise _refusal(path)


def quoted(path: str) -> bytes:
    """A checked path as it is sent on."""
    return quote(path, safe="/").encode()


def _refusal(path: str) -> BadRequestError:
    return BadRequestError(
        f"the path {path[:200]!r} is not plain; leave out dots, backslashes and whatever is encoded twice"
    )
