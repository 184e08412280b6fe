"""Which service a command talks to: options, the environment, or the product that runs on this machine."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from service.client import Client
from service.wire.calls import AddressError


class NotConnectedError(Exception):
    """No service is known; the message says how to name one."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A service's address and the token to show it."""

    url: str
    token: str

    @classmethod
    def find(cls, url: str | None, token_file: Path | None, data_dir: Path) -> "Connection":
        """The service that was named, or else the one that `rampline up` runs on this data directory.

        Raises:
            NotConnectedError: nothing was named and nothing runs here.
        """
        token = os.environ.get("RAMPLINE_TOKEN")
        try:
            if url is None:
                local = json.loads((data_dir / "connection.json").read_text())
                url, token_file = local["url"], token_file or Path(local["token_file"])
            if token is None:
                token = (token_file or data_dir / "tokens" / "local").read_text().strip()
        except OSError as error:
            raise NotConnectedError(
                f"no running service found below {data_dir}: start one with `rampline up`, name the directory of "
                "another with RAMPLINE_DATA_DIR, or name one with --url and --token-file (RAMPLINE_URL, RAMPLINE_TOKEN)"
            ) from error
        return cls(url=url, token=token)

    def client(self) -> Client:
        """A client of that service.

        Raises:
            NotConnectedError: its address is none.
        """
        try:
            return Client(self.url, self.token)
        except AddressError as error:
            raise NotConnectedError(f"--url (RAMPLINE_URL): {error}") from error


def default_data_dir() -> Path:
    """Where the product of this user keeps its data: `RAMPLINE_DATA_DIR`, or below the XDG data directory."""
    named = os.environ.get("RAMPLINE_DATA_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "rampline"
