"""Why a run failed here, in the words of the protocol: what is worth another try differs by the cause."""

from typing import Literal

from worker.lanes.memory import is_out_of_memory

Cause = Literal["out_of_memory", "crash", "bad_data"]


def cause_of(error: BaseException) -> Cause:
    """Return the cause: memory ran out on the device or the host, or anything else."""
    return "out_of_memory" if is_out_of_memory(error) else "crash"
