"""The C library's memory: kept between updates, since every update asks for the same again."""

import ctypes
import sys

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
