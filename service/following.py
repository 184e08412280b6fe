"""Following a sweep's events from the client's side: the stream is read, and taken up again where it broke off."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import httpx

from service.wire.events import KINDS, Event, SweepEnd
from service.wire.retries import LONGEST_ASKED

# The service says something at least every 15 seconds.
SILENCE_SECONDS = 45.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
# In a row, without an event between them: more than a minute.
MOST_BREAKS = 20

Opened = Callable[[str | None], AbstractContextManager[httpx.Response]]


class BrokenError(Exception):
    """The stream broke off, or could not be opened; it may be tried again, in `wait` seconds at the least."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass
class Message:
    """One server-sent event as it arrives; `data` may have been several lines."""

    kind: str
    id: str
    data: str


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """The events in the lines of a stream (WHATWG HTML, section 9.2.6); comments and unknown fields say nothing."""
    kind, data, last_id = "message", list[str](), ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Message(kind, last_id, "\n".join(data))
            kind, data = "message", []
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            last_id = value


def follow(opened: Opened, last_event_id: str | None) -> Iterator[Event]:
    """The events after one until the sweep has ended; `opened` opens the stream after an event, or raises BrokenError.

    Raises:
        BrokenError: the stream cannot be opened at all, or broke off `MOST_BREAKS` times without an event.
    """
    breaks, was_open = 0, False
    while True:
        wait = 0.0
        try:
            with opened(last_event_id) as response:
                was_open = True
                if response.status_code == httpx.codes.NO_CONTENT:
                    return
                for message in messages(response.iter_lines()):
                    breaks = 0
                    if message.kind not in KINDS:
                        continue
                    last_event_id = message.id
                    news = KINDS[message.kind].model_validate_json(message.data, extra="ignore")
                    yield Event(last_event_id, news)
                    if isinstance(news, SweepEnd):
                        return
        except BrokenError as error:
            breaks += 1
            wait = min(error.wait, LONGEST_ASKED)
            if breaks >= MOST_BREAKS or not (was_open or wait):
                raise
        time.sleep(max(wait, min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**breaks)))
