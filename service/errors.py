"""What can go wrong, as one tree: each error has an HTTP status and a stable code; `service.api.errors` renders it."""

from collections.abc import Sequence
from typing import ClassVar

from service.wire.problem import FieldProblem


class ServiceError(Exception):
    """The root. Its message is for people and says what would be right."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "The service failed"

    def __init__(self, detail: str, fields: Sequence[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = list(fields)


class BadRequestError(ServiceError):
    """The request cannot be read."""

    status = 400
    code = "bad_request"
    title = "The request cannot be read"


class UnauthorizedError(ServiceError):
    """No token, or one that is unknown, expired, revoked or disabled; `token_id` says which, if it is one of ours."""

    status = 401
    code = "unauthorized"
    title = "A valid token is needed"

    def __init__(self, detail: str, *, token_id: int | None = None) -> None:
        super().__init__(detail)
        self.token_id = token_id


class ForbiddenError(ServiceError):
    """The token is valid but its role may not do this."""

    status = 403
    code = "forbidden"
    title = "This token may not do this"


class NotFoundError(ServiceError):
    """There is no such thing, or not for this team."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowedError(ServiceError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class SlowError(ServiceError):
    """The request did not arrive in time."""

    status = 408
    code = "too_slow"
    title = "The request did not arrive in time"


class HeadTooLargeError(ServiceError):
    """The request's headers are larger than the service accepts."""

    status = 431
    code = "head_too_large"
    title = "The headers are too large"


class ConflictError(ServiceError):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"
    title = "Conflict"


class ProtocolError(ConflictError):
    """A worker calls in a version of the protocol that this service does not speak."""

    code = "protocol"
    title = "Worker and service do not speak the same protocol"


class TooLargeError(ServiceError):
    """The body is larger than the service accepts."""

    status = 413
    code = "too_large"
    title = "The request is too large"


class UnsupportedMediaError(ServiceError):
    """The body has a form that is not taken."""

    status = 415
    code = "unsupported_media"
    title = "The body has a form that is not taken"


class InvalidError(ServiceError):
    """A well-formed request that means nothing that can be done; `fields` lists every offending field."""

    status = 422
    code = "invalid"
    title = "The request is not valid"

    @classmethod
    def of(cls, fields: Sequence[FieldProblem]) -> "InvalidError":
        """The error whose detail summarises the fields."""
        first = f"{fields[0].field}: {fields[0].problem}; {fields[0].remedy}"
        more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
        return cls(first + more, fields)


class TooManyError(ServiceError):
    """The caller asks more often than it may; nothing was done, and after `seconds` the same request is taken."""

    status = 429
    code = "too_many"
    title = "Too many requests"

    def __init__(self, detail: str, *, seconds: float = 1.0) -> None:
        super().__init__(detail)
        self.seconds = seconds


class UnavailableError(ServiceError):
    """Something the service stands on is away; trying again later may help."""

    status = 503
    code = "unavailable"
    title = "The service cannot do this at the moment"


class StartupError(ServiceError):
    """The service cannot start; the message is one line for the person who started it."""

    code = "startup"
    title = "The service cannot start"
