"""Teams and their users."""

from datetime import datetime

from pydantic import model_validator

from service.wire.base import Wire, refusal
from service.wire.names import Handle


class TeamOrder(Wire):
    """Make a team."""

    name: Handle


class TeamChange(Wire):
    """Change a team: while it is disabled, no token of its users is accepted. Its sweeps go on."""

    disabled: bool


class TeamView(Wire):
    """A team and how many users it has."""

    id: int
    name: str
    users: int
    created_at: datetime
    disabled_at: datetime | None


class UserOrder(Wire):
    """Make a user of a team; the user has no token yet."""

    team: Handle
    name: Handle


class UserChange(Wire):
    """Change a user: another name, or disabled; while a user is disabled, none of the user's tokens is accepted."""

    name: Handle | None = None
    disabled: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "UserChange":
        if self.name is None and self.disabled is None:
            raise refusal("it changes nothing", "give name, disabled, or both")
        return self


class UserView(Wire):
    """A user, and how many tokens of this user are accepted."""

    id: int
    team: str
    name: str
    tokens: int
    created_at: datetime
    disabled_at: datetime | None


class TeamPage(Wire):
    """Teams in the order in which they were made; `next_cursor` is given back as `?cursor=` for the rest."""

    items: list[TeamView]
    next_cursor: int | None


class UserPage(Wire):
    """Users in the order in which they were made; `next_cursor` is given back as `?cursor=` for the rest."""

    items: list[UserView]
    next_cursor: int | None
