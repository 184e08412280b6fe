"""Whether a caller still waits for its answer; for routes that keep it waiting."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import Depends, Request


async def _hung_up(request: Request) -> AsyncIterator[Callable[[], bool]]:
    """A function that says whether the caller has closed its connection; its process may be dead."""
    event = threading.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        event.set()

    watching = asyncio.create_task(watch())
    try:
        yield event.is_set
    finally:
        watching.cancel()


HungUp = Annotated[Callable[[], bool], Depends(_hung_up)]
