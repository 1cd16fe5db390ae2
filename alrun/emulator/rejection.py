"""A request that the emulator answers with an error, in the words of either protocol."""

from __future__ import annotations

from alrun.errors import NoAccess, PlatformError, RateLimited, Refused, TooLarge, Unavailable

V1_KINDS = {
    400: "INVALID_ARGUMENTS_ERROR",
    401: "AUTHENTICATION_ERROR",
    403: "AUTHORISATION_ERROR",
    404: "RESOURCE_NOT_FOUND_ERROR",
    405: "METHOD_NOT_ALLOWED_ERROR",
    409: "RESOURCE_EXISTS_ERROR",
    429: "RATE_LIMIT_ERROR",
    500: "UNKNOWN_ERROR",
    501: "NOT_EMULATED",
}


class Rejection(Exception):
    """An answer other than success.

    Parameters
    ----------
    status
        The HTTP status of v2; v1 puts it into its envelope.
    message
        What the client shows.
    kind
        The error's name in v1; None takes the one of the status.
    payload
        What v1 sends beside the kind; None takes the message.
    """

    def __init__(self, status: int, message: str, kind: str | None = None, payload: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind or V1_KINDS.get(status, "UNKNOWN_ERROR")
        self.payload = message if payload is None else payload


def translated(error: PlatformError) -> Rejection:
    """Return what the server says where the local platform refused or failed."""
    match error:
        case Refused():
            return Rejection(400, str(error))
        case TooLarge():
            return Rejection(413, str(error))
        case RateLimited():
            return Rejection(429, str(error))
        case NoAccess():
            return Rejection(403, str(error))
        case Unavailable():
            return Rejection(503, str(error))
    return Rejection(500, str(error))


def unsupported(what: str) -> Rejection:
    """Return the answer to what the emulator does not play, so that nobody takes silence for success."""
    return Rejection(501, f"the emulator does not play {what}")
