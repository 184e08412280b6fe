"""Gaussian processes in a process of their own: Optuna's needs torch, which the service never imports.

The helper process is started for the first proposal and ends by itself when it has nothing to do for a while, or when
the service ends. It gets one question a line and answers each with a line.
"""

import json
import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json

from service.domain.axes import Point

log = logging.getLogger(__name__)

HELPER = "service.studies.helper"
TIMEOUT_SECONDS = 120.0
_TRIES = 2


class SurrogateError(Exception):
    """The helper process gave no answer; the message says why."""


class Surrogate:
    """The helper process of one service process. Safe to share between threads; questions wait for each other."""

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout_seconds
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def propose(
        self,
        distributions: Mapping[str, BaseDistribution],
        ended: Sequence[tuple[Point, float]],
        running: Sequence[Point],
        seed: int,
    ) -> Point:
        """Return the point that promises most, other than those under way.

        Raises:
            SurrogateError: it could not be asked, twice in a row.
        """
        question = json.dumps(
            {
                "distributions": {name: distribution_to_json(one) for name, one in distributions.items()},
                "ended": list(ended),
                "running": list(running),
                "seed": seed,
            }
        )
        with self._lock:
            for left in reversed(range(_TRIES)):
                try:
                    return self._asked(question)
                except (OSError, SurrogateError) as error:
                    self._end()
                    if not left:
                        raise SurrogateError(f"the helper for Gaussian processes does not answer: {error}") from error
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the helper process."""
        with self._lock:
            self._end()

    def _asked(self, question: str) -> Point:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _started()
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(question + "\n")
        pipe_in.flush()
        if not select.select([pipe_out], [], [], self._timeout)[0]:
            raise SurrogateError(f"no answer within {self._timeout:g} s")
        line = pipe_out.readline()
        if not line:
            raise SurrogateError("it has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SurrogateError(answer["error"])
        point: Point = answer["point"]
        return point

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was still to be written has nobody to read it
                    pipe.close()


def _started() -> subprocess.Popen[str]:
    log.info("starting the helper for Gaussian processes", extra={"action": "surrogate.started"})
    return subprocess.Popen(
        [sys.executable, "-m", HELPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # One thread: several make each proposal slower, by a factor of ten on some machines.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
