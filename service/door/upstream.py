"""What stands behind the door: one server at one address, to which requests and answers stream."""

import logging
from collections.abc import AsyncIterator, Mapping

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse

from service.door.paths import quoted
from service.errors import ServiceError, UnavailableError

log = logging.getLogger(__name__)

# Neither our credentials nor a cookie, nor what a browser or a proxy says of where the request comes from.
_SENT_ON = (
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "range",
    "user-agent",
    "x-request-id",
)
_ANSWERED = (
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "vary",
    "x-content-type-options",
)
_TIMES = httpx.Timeout(120, connect=5, pool=30)
_LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=32)


class AnswerTooLargeError(ServiceError):
    """What stands behind the door answered with more than can be looked through."""

    status = 502
    code = "bad_gateway"
    title = "The answer cannot be passed on"


class Upstream:
    """A server at `url`, shown at `prefix`. Nothing but the configuration decides which server is asked.

    Raises (every method): UnavailableError: it does not answer.
    """

    def __init__(self, name: str, url: str, prefix: str) -> None:
        self._name = name
        self._url = httpx.URL(url.rstrip("/"))
        self._prefix = prefix
        # Proxies of the environment are for addresses of the internet.
        self._http = httpx.AsyncClient(timeout=_TIMES, limits=_LIMITS, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def pass_on(
        self,
        request: Request,
        path: str,
        query: bytes,
        content: bytes | AsyncIterator[bytes] | None,
        headers: dict[str, str],
    ) -> StreamingResponse:
        """The answer to a request, as it comes, with `headers` in place of its own of those names."""
        response = await self._send(request.method, path, query, content, self._headers(request, content))
        kept = {name: value for name, value in response.headers.items() if name in _ANSWERED}
        location = response.headers.get("location")
        if location is not None:
            kept["location"] = self._shown(location)
        return StreamingResponse(
            _parts(response), response.status_code, kept | headers, background=BackgroundTask(response.aclose)
        )

    async def look(
        self, method: str, path: str, query: bytes, content: bytes | None = None, *, most: int
    ) -> httpx.Response:
        """A whole answer of at most so many bytes.

        Raises AnswerTooLargeError: it is larger.
        """
        headers = {"accept-encoding": "identity"}
        if content is not None:
            headers["content-type"] = "application/json"
        response = await self._send(method, path, query, content, headers)
        body = b""
        try:
            async for part in response.aiter_raw():
                body += part
                if len(body) > most:
                    raise AnswerTooLargeError(f"{self._name} answered with more than {most} bytes; ask for less")
        except httpx.HTTPError as error:
            raise self._away(error) from error
        finally:
            await response.aclose()
        return httpx.Response(response.status_code, content=body)

    async def _send(
        self,
        method: str,
        path: str,
        query: bytes,
        content: bytes | AsyncIterator[bytes] | None,
        headers: Mapping[str, str],
    ) -> httpx.Response:
        target = self._url.raw_path.rstrip(b"/") + quoted(path) + (b"?" + query if query else b"")
        request = self._http.build_request(
            method, self._url.copy_with(raw_path=target), content=content, headers=dict(headers)
        )
        try:
            return await self._http.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # a redirect to what is no address, say
            raise self._away(error) from error

    def _headers(self, request: Request, content: object) -> dict[str, str]:
        kept = {name: request.headers[name] for name in _SENT_ON if name in request.headers}
        kept.setdefault("accept-encoding", "identity")
        if isinstance(content, bytes):
            kept |= {"content-type": "application/json", "content-length": str(len(content))}
        elif content is None:
            kept.pop("content-length", None)
        client = request.client.host if request.client is not None else "unknown"
        return kept | {
            "x-forwarded-for": client,
            "x-forwarded-host": request.url.netloc,
            "x-forwarded-prefix": self._prefix,
            "x-forwarded-proto": request.url.scheme,
        }

    def _shown(self, location: str) -> str:
        """Where a redirect leads, as it is seen from outside; nowhere else than here."""
        path = location.removeprefix(str(self._url))
        return self._prefix + (path if path.startswith("/") and not path.startswith("//") else "/")

    def _away(self, error: Exception) -> UnavailableError:
        log.warning(
            "%s does not answer: %s", self._name, str(error) or type(error).__name__, extra={"action": "door.away"}
        )
        return UnavailableError(f"{self._name} does not answer; try again in a few seconds")


async def _parts(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in response.aiter_raw():
            yield part
    finally:
        await response.aclose()
