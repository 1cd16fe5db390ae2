"""What the SDK raises, in alrun's words. Nothing of the SDK's own classes passes this module.

===================================================== ===================== ==========================================
the SDK says                                          alrun raises          because
===================================================== ===================== ==========================================
rate limit                                            `RateLimited`         turned away before it was looked at
payload too large, too many labels                    `TooLarge`            turned away; the limit where it is named
authentication, authorisation, key, operation         `NoAccess`            no retry helps
invalid arguments, not found, exists, wrong type,     `Refused`             the server rejected the request whole
label and bundle errors
unknown, generic, no answer, unreadable answer,       `Unavailable`         it may or may not have been applied
and everything that is no error of the SDK's
===================================================== ===================== ==========================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from alrun.errors import AlrunError, NoAccess, PlatformError, RateLimited, Refused, TooLarge, Unavailable

if TYPE_CHECKING:
    from encord.exceptions import EncordException

P = ParamSpec("P")
T = TypeVar("T")

_LONGEST = 300
_NO_REASON = "error of type `None`"
_NOT_SENT = "session.send failed"  # what the SDK says when no connection came about


def asked(what: str, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `ask`, which sends one request; `what` says in an error what was asked.

    Raises
    ------
    PlatformError
        In place of whatever the SDK raised. It has neither cause nor context: those of the SDK may hold a label, a
        signed URL or a key.
    """
    try:
        return ask(*args, **kwargs)
    except AlrunError:
        raise
    except Exception as error:  # noqa: BLE001  the SDK raises whatever a malformed answer leads to
        failure = translated(what, error)
    raise failure


def listed(what: str, ask: Callable[P, Iterable[T]], *args: P.args, **kwargs: P.kwargs) -> list[T]:
    """Return all that `ask` yields, which may send a request for each page; see :func:`asked`."""
    return asked(what, lambda: list(ask(*args, **kwargs)))


def translated(what: str, error: Exception) -> PlatformError:
    """Return alrun's error for one that the SDK raised."""
    from encord import exceptions as sdk

    if not isinstance(error, sdk.EncordException):
        return Unavailable(f"{what}: no usable answer ({_brief(f'{type(error).__name__}: {error}')})")
    message = f"{what}: {_brief(error.message)}{_trace(error)}"
    match error:
        case sdk.GenericServerError() if _NO_REASON in error.message:  # what follows there is advice that misleads
            return Unavailable(f"{what}: the server failed and gave no reason{_trace(error)}")
        case sdk.RequestException() if _NOT_SENT in error.message:
            return Unavailable(f"{what}: the server cannot be reached: check platform.domain ({message})")
        case sdk.RateLimitExceededError():
            return RateLimited(message, error.retry_after)
        case sdk.MultiLabelLimitError():
            return TooLarge(message, error.maximum_labels_allowed)
        case sdk.PayloadTooLargeError():
            return TooLarge(message)
        case (
            sdk.AuthenticationError()
            | sdk.AuthorisationError()
            | sdk.SshKeyNotFound()
            | sdk.DuplicateSshKeyError()
            | sdk.OperationNotAllowed()
        ):
            return NoAccess(message)
        case (
            sdk.InvalidArgumentsError()
            | sdk.ResourceNotFoundError()
            | sdk.ResourceExistsError()
            | sdk.MethodNotAllowedError()
            | sdk.WrongProjectTypeError()
            | sdk.InvalidDateFormatError()
            | sdk.AnswerDictionaryError()
            | sdk.CorruptedLabelError()
            | sdk.FeatureDoesNotExistError()
            | sdk.LabelRowError()
            | sdk.OntologyError()
            | sdk.DatasetError()
            | sdk.BundledMoveWorkflowTasksPayloadError()
        ):
            return Refused(message)
    return Unavailable(message)


def _trace(error: EncordException) -> str:
    trace, span = getattr(error.context, "trace_id", None), getattr(error.context, "span_id", None)
    return f" (trace id {trace}/{span})" if trace else ""


def _brief(text: object) -> str:
    """Return one line of bounded length: an answer may be a whole page of a proxy's."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
