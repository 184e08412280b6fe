"""The login page: what a person sees who has no session, or wants to end one. It loads nothing."""

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template

from service.domain.access import Principal

_PAGE = Template(files("service.door").joinpath("login.html").read_text())
# What follows a # in an address stays in the browser; so the page that is shown after the login is the one asked for.
_SCRIPT = "for (const form of document.forms) form.action += location.hash;"
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # without it a browser names no origin when it sends the form
    "Cache-Control": "no-store",
}


def login(target: str, problem: str | None = None) -> str:
    """The page that asks for a token, and leads to `target` then."""
    told = "" if problem is None else f'<p class="problem" id="problem" role="alert">{escape(problem)}</p>'
    described = "hint" if problem is None else "problem hint"
    return _page(
        f"""<p>Log in to see your team's sweeps in MLflow.</p>
{told}
<form method="post" action="/login">
<input type="hidden" name="next" value="{escape(target)}">
<label for="token">Token</label>
<input id="token" name="token" type="password" required autofocus autocomplete="current-password" spellcheck="false"
 aria-describedby="{described}">
<p class="hint" id="hint">An admin of this service gives tokens. The session lasts twelve hours, or until the token is
revoked.</p>
<button type="submit">Log in</button>
</form>"""
    )


def logged_in(principal: Principal, places: dict[str, str]) -> str:
    """The page of somebody who has a session: where to go, and how to end it."""
    links = "\n".join(f'<li><a href="{escape(path)}">{escape(name)}</a></li>' for name, path in places.items())
    return _page(
        f"""<p>You are logged in with the token <strong>{escape(principal.name)}</strong>, role
{escape(principal.role)}.</p>
<ul>
{links}
</ul>
<form method="post" action="/logout"><button type="submit">Log out</button></form>"""
    )


def _page(content: str) -> str:
    return _PAGE.substitute(content=content, script=_SCRIPT)
