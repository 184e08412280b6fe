"""A disk that fills up under one process."""

import os
import resource
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

SIZE = "8m"
_BALLAST = "ballast"
_MOUNTED = 'mkdir -p "$1" && mount -t tmpfs -o size="$2" tmpfs "$1" && shift 2 && exec "$@"'


class SmallDisk:
    """A tmpfs of a few megabytes in a mount namespace of the process's own, which ends with it.

    Where namespaces are not permitted, the process is forbidden to write files instead (RLIMIT_FSIZE), which fails
    with EFBIG in the place of ENOSPC. `kind` says which of the two it is.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kind = "small tmpfs" if _can_mount() else "RLIMIT_FSIZE"

    def under(self, command: list[str]) -> list[str]:
        """The command, with the disk mounted."""
        if not _can_mount():
            self.directory.mkdir(parents=True, exist_ok=True)
            return command
        return [*_unshare(), "sh", "-c", _MOUNTED, "sh", str(self.directory), SIZE, *command]

    def fill(self, pid: int) -> None:
        """Leave the process no byte."""
        if not _can_mount():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        with (self._seen_by(pid) / _BALLAST).open("wb", buffering=0) as ballast:
            try:
                while ballast.write(b"\0" * 65_536):
                    pass
            except OSError:
                return

    def clear(self, pid: int) -> None:
        """Give it the room back."""
        if not _can_mount():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            return
        (self._seen_by(pid) / _BALLAST).unlink(missing_ok=True)

    def _seen_by(self, pid: int) -> Path:
        return Path(f"/proc/{pid}/root{self.directory}")


def _unshare() -> list[str]:
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]


@cache
def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = [*_unshare(), "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs "$1"', "sh", str(Path(sys.prefix))]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0
