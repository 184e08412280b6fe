"""Teams and users by their names, as commands are given them."""

from rampline.connection import NotConnectedError
from service.client import Client
from service.wire.teams import TeamView, UserView


class UnknownAccountError(NotConnectedError):
    """There is no such team or user; the message says what there is to do."""


def split(account: str) -> tuple[str, str]:
    """The team and the user of TEAM/NAME.

    Raises:
        UnknownAccountError: it is not of this form.
    """
    team, slash, name = account.partition("/")
    if not (team and slash and name):
        raise UnknownAccountError(f"{account!r} names no user; write TEAM/NAME, such as local/admin")
    return team, name


def find_team(client: Client, name: str) -> TeamView:
    """The team of a name.

    Raises:
        UnknownAccountError: there is none.
    """
    found = client.teams(name=name).items
    if not found:
        raise UnknownAccountError(f"there is no team {name}; `rampline team list` shows those that there are")
    return found[0]


def find_user(client: Client, account: str) -> UserView:
    """The user that TEAM/NAME names.

    Raises:
        UnknownAccountError: there is none.
    """
    team, name = split(account)
    found = client.users(team=team, name=name).items
    if not found:
        raise UnknownAccountError(f"there is no user {account}; `rampline user list` shows those that there are")
    return found[0]
