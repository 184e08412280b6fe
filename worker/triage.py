"""Why a run failed here, in the words of the protocol: what is worth another try differs by the cause."""

from typing import Literal

import torch

Cause = Literal["out_of_memory", "crash", "bad_data"]

# What torch's allocator on the CPU says, in a plain RuntimeError.
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "alloc_failed")


def cause_of(error: BaseException) -> Cause:
    """Return the cause: memory ran out on the device or the host, or anything else."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return "out_of_memory"
    said = str(error).lower()
    return "out_of_memory" if isinstance(error, RuntimeError) and any(word in said for word in _NO_MEMORY) else "crash"
