"""The gate: every request shows its token here. It says who calls, and lets nobody ask too often.

What a stranger can cause is bounded: a statement that finds nothing, a line of the log now and then, and no row.
"""

import logging
from dataclasses import dataclass

from service import logs
from service.domain import access, sessions, tokens
from service.domain.access import Principal
from service.errors import TooManyError, UnauthorizedError
from service.limiter import Limiter, neighbourhood
from service.reconcile import TokenUse
from service.store.engine import Store
from service.token_key import TokenKey

log = logging.getLogger(__name__)

_TOLD_EVERY = 600.0  # seconds between two events about one dead token, and between two lines about one address


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often a token of a person, one of workers, and an address without a valid token may ask, a second."""

    person: float
    worker: float
    stranger: float


class Gate:
    """The gate of one server process. Safe to share between threads."""

    def __init__(self, store: Store, key: TokenKey, use: TokenUse, rates: Rates) -> None:
        self._store = store
        self._key = key
        self._use = use
        self._people = Limiter(rates.person)
        self._workers = Limiter(rates.worker)
        self._strangers = Limiter(rates.stranger)
        self._told = Limiter(1 / _TOLD_EVERY, burst=1)

    def admit(self, token: str | None, address: str) -> Principal:
        """Who calls; what is written down from here on in this context is written down as caused by them.

        Raises:
            UnauthorizedError: there is no token, or it is not valid.
            TooManyError: the token was used too often, or the address has sent too much without a valid one.
        """
        try:
            principal = self._authenticated(token)
        except UnauthorizedError as refusal:
            self._refuse(refusal, address)
            raise
        self._pass(principal)
        return principal

    def admit_browser(self, secret: str) -> Principal:
        """Who has logged in with a browser that keeps a session's secret; a session counts as its token.

        Raises:
            UnauthorizedError: there is no such session, it has ended, or its token is no longer valid.
            TooManyError: the token was used too often, with its sessions.
        """
        with self._store.read() as session:
            principal = sessions.principal_of(session, secret)
        self._pass(principal)
        return principal

    def _pass(self, principal: Principal) -> None:
        logs.bind(token_id=principal.token_id)
        worker = principal.role == "worker"
        wait = (self._workers if worker else self._people).wait(principal.token_id)
        if wait:
            raise TooManyError(
                "this token is used for more requests than are taken; send fewer, and try again when Retry-After says",
                seconds=wait,
            )
        self._use.note(principal.token_id)

    def _authenticated(self, token: str | None) -> Principal:
        if token is None:
            raise UnauthorizedError("send a token: Authorization: Bearer ...")
        with self._store.read() as session:
            return access.authenticate(session, self._key, token)

    def _refuse(self, refusal: UnauthorizedError, address: str) -> None:
        token_id = refusal.token_id
        if token_id is not None and not self._told.wait(token_id):
            logs.bind(token_id=token_id)
            with self._store.write() as session:
                tokens.note_refusal(session, token_id, refusal.detail)
        near = neighbourhood(address)
        if not self._told.wait(near):
            log.warning(
                "a request from %s was refused: %s (more of them are not told of for %.0f s)",
                address,
                refusal.detail,
                _TOLD_EVERY,
                extra={"action": "access.refused", "token_id": token_id},
            )
        wait = self._strangers.wait(near)
        if wait:
            raise TooManyError(
                f"too many requests without a valid token come from {near}; {refusal.detail}", seconds=wait
            ) from refusal
