"""A worker that one run kills: `python -m tests.acceptance.poisoned_worker TRIAL UPDATE LIVES`, settings as ever.

It stands for what a defect of a driver or of a kernel does to a process. Each life is a process of its own, forked from
this one so that the imports are paid once; a line is printed at each death, and one is read before the next life.
"""

import os
import signal
import sys
from unittest.mock import patch

from worker.lanes.log import StepLog
from worker.loop import Loop
from worker.main import run
from worker.settings import WorkerSettings
from worker.training import Training


def live(trial: int, update: int) -> None:
    """Work until the run of this trial gets to this update."""
    take_in = Loop._take_in

    def deadly(loop: Loop, training: Training, entry: StepLog) -> bool:
        if training.lease.trial == trial and entry.first_update + len(entry.lr) > update:
            os.kill(os.getpid(), signal.SIGKILL)
        return take_in(loop, training, entry)

    with patch.object(Loop, "_take_in", deadly):
        run(WorkerSettings())


def main(trial: int, update: int, lives: int) -> None:
    """Live so many times, or until a life ends otherwise than by the run."""
    for _ in range(lives):
        child = os.fork()
        if child == 0:
            live(trial, update)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("died" if os.WIFSIGNALED(status) else "ended", flush=True)
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
