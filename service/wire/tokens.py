"""Tokens: what one looks like, and what is told of one.

`rl_ROLE_` and 49 letters and digits: 43 of them random (256 bits), the last six a checksum. So scanners of secrets find
one, say whose it is, and are not misled by what only looks like one; and one that was cut off or mistyped is told from
one that is unknown. (GitHub's tokens are made so: github.blog, "Behind GitHub's new authentication token formats".)
"""

import re
import secrets
import string
import zlib
from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from service.wire.base import Wire, refusal
from service.wire.names import Handle, Name

Role = Literal["admin", "member", "viewer", "worker"]
TokenState = Literal["active", "expired", "revoked", "disabled"]

PREFIX = "rl_"
PATTERN = r"rl_(admin|member|viewer|worker)_[0-9A-Za-z]{49}"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM = 43  # digits of base 62 for 256 bits
_CHECK = 6
_SHOWN = 4
LONGEST_SECONDS = 10 * 366 * 86_400


def mint(role: Role) -> str:
    """A new token; its role stands in it for people and scanners, and means nothing to the service."""
    begun = f"{PREFIX}{role}_{''.join(secrets.choice(_DIGITS) for _ in range(_RANDOM))}"
    return begun + _checksum(begun)


def is_damaged(token: str) -> bool:
    """Whether a text begins as a token of `mint` does, and is none."""
    if not token.startswith(PREFIX):
        return False
    return re.fullmatch(PATTERN, token) is None or _checksum(token[:-_CHECK]) != token[-_CHECK:]


def hint_of(token: str) -> str | None:
    """The part of a token that may be shown, by which one that leaked is found in a list; None for other forms."""
    if not token.startswith(PREFIX) or is_damaged(token):
        return None
    return token[: len(token) - _RANDOM - _CHECK + _SHOWN]


def _checksum(begun: str) -> str:
    number, digits = zlib.crc32(begun.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


class TokenOrder(Wire):
    """Make a token: a worker's for the whole cluster, any other for a user, who is named with the team."""

    role: Role
    name: Name = Field(description="what it is for")
    team: Handle | None = None
    user: Handle | None = None
    lifetime_seconds: int | None = Field(
        default=None, ge=1, le=LONGEST_SECONDS, description="null: until it is revoked"
    )

    @model_validator(mode="after")
    def _belongs(self) -> "TokenOrder":
        if self.role == "worker" and (self.team or self.user):
            raise refusal("a worker's token belongs to no user", "leave team and user out: workers serve every team")
        if self.role != "worker" and not (self.team and self.user):
            raise refusal(f"a token of role {self.role} belongs to a user", "give team and user")
        return self


class Rotation(Wire):
    """Replace a token by a new one of the same user, role and name."""

    grace_seconds: int = Field(
        default=0, ge=0, le=90 * 86_400, description="how long the old one is accepted beside the new one"
    )
    lifetime_seconds: int | None = Field(
        default=None, ge=1, le=LONGEST_SECONDS, description="null: as long as that of the old one"
    )


class TokenView(Wire):
    """What is told of a token. `hint` is how it begins; the rest of it is kept by nobody but its owner.

    `disabled` says that its user or team is, `expired` and `revoked` are for good.
    """

    id: int
    role: Role
    name: str
    team: str | None
    user: str | None
    hint: str | None
    state: TokenState
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(TokenView):
    """A token that was just made; `token` is shown this once."""

    token: str


class TokenPage(Wire):
    """Tokens, newest first; `next_cursor` is given back as `?cursor=` for the rest."""

    items: list[TokenView]
    next_cursor: int | None
