"""One of several server processes: `python -m service.member DESCRIPTOR`, started by `service.processes`.

Its settings come as a line of JSON on standard input, which then stays open for as long as its starter lives.
"""

import logging
import os
import signal
import socket
import sys
import threading

from service import logs
from service.errors import StartupError
from service.server import serve_on
from service.settings import Settings

log = logging.getLogger(__name__)

_INPUT = 0


def main(descriptor: int) -> int:
    """Serve on an inherited socket until SIGTERM, or until the starter is gone; returns the exit status."""
    settings = Settings.model_validate_json(_line(_INPUT))
    logs.configure(settings.log_format, settings.log_level)
    threading.Thread(target=_end_with_starter, name="starter", daemon=True).start()
    try:
        with socket.socket(fileno=descriptor) as listener:
            serve_on(settings, listener)
    except StartupError as error:
        log.error("%s", error, extra={"action": "process.refused"})
        return 1
    return 0


def _line(descriptor: int) -> bytes:
    """The bytes before the first end of a line; not by `sys.stdin`, which a waiting thread would hold at the end."""
    pieces = []
    while (piece := os.read(descriptor, 1)) not in (b"", b"\n"):
        pieces.append(piece)
    return b"".join(pieces)


def _end_with_starter() -> None:
    while os.read(_INPUT, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
