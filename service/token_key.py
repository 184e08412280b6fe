"""The key of the hashes in which tokens are stored: a file, so that a copy of the database alone verifies no token.

A stored hash is HMAC-SHA256(key, sha256(token)), RFC 2104. The inner hash is what version 0.1 stored, so that its
tokens are brought to this form without being known. A slow hash would protect guessable secrets; these are random.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from service.errors import StartupError
from service.settings import Settings

LEAST_LENGTH = 32


class TokenKey:
    """A key; service processes that share a database share it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        # Tells keys apart, and is useless for finding one.
        self.id = self._hmac("id of a Rampline token key")[:16]

    @classmethod
    def of(cls, settings: Settings) -> "TokenKey":
        """An installation's key: the one in the file that the settings name, or else one that is made at first.

        Raises:
            StartupError: as `read` and `made`.
        """
        return cls.read(settings.token_key) if settings.token_key_file is not None else cls.made(settings.token_key)

    @classmethod
    def read(cls, path: Path) -> "TokenKey":
        """The key in a file.

        Raises:
            StartupError: the file cannot be read, or holds less than a key.
        """
        make = f"make one with: (umask 077; openssl rand -hex 32 > {path})"
        try:
            secret = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise StartupError(f"the key of the tokens, {path}, cannot be read ({reason}); {make}") from error
        if len(secret) < LEAST_LENGTH:
            raise StartupError(f"the key of the tokens in {path} is shorter than {LEAST_LENGTH} characters; {make}")
        return cls(secret)

    @classmethod
    def made(cls, path: Path) -> "TokenKey":
        """The key in a file, which is made if it is not there; of several processes that start at once, one makes it.

        Raises:
            StartupError: as `read`, or it cannot be written.
        """
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as file:  # mode 0600
                    file.write(f"{secrets.token_hex(32)}\n")
                    file.flush()
                    os.fsync(file.fileno())
                    with contextlib.suppress(FileExistsError):
                        os.link(file.name, path)
            except OSError as error:
                raise StartupError(f"the key of the tokens, {path}, cannot be written ({error.strerror})") from error
        return cls.read(path)

    def digest(self, token: str) -> str:
        """The form in which a token is stored, 64 hexadecimal digits."""
        return self.wrap(plain_digest(token))

    def wrap(self, plain: str) -> str:
        """The form in which a token is stored, made of the form that version 0.1 stored."""
        return self._hmac(plain)

    def _hmac(self, message: str) -> str:
        return hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()


def plain_digest(token: str) -> str:
    """The form in which version 0.1 stored a token."""
    return hashlib.sha256(token.encode()).hexdigest()
