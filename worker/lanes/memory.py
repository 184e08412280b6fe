"""Memory: what is freed is kept between updates, since every update asks for the same again; and it may run out."""

import ctypes
import sys

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_KEPT_BYTES = 1 << 30
_LARGEST_HEAP_BLOCK = 32 << 20  # the most that glibc accepts


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, up to a gigabyte, instead of handing it back; return whether it does.

    Without it a training process on a CPU spends a tenth of its time or more on fresh pages. Needs glibc; does
    nothing elsewhere.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)) and bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_HEAP_BLOCK))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory did not suffice, on a GPU or on the host.

    Beside the errors of their own, torch's allocator on the CPU and oneDNN raise RuntimeError, with these words.
    """
    words = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed", "a memory object")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )
