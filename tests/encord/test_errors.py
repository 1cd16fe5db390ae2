"""Everything that the SDK raises becomes one of alrun's errors, with what is needed to act on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import requests
from encord import exceptions as sdk
from encord.http.common import RequestContext
from encord.http.error_utils import check_error_response
from urllib3.exceptions import ProtocolError

from alrun.emulator import Fault
from alrun.errors import NoAccess, PlatformError, RateLimited, Refused, TooLarge, Unavailable
from alrun.platform.encord.errors import asked, translated
from alrun.platform.writes import AddTag, Complete, InitialiseLabels, Move, SetPriority
from tests.encord.world import World

CONTEXT = RequestContext(trace_id="cafe", span_id="7", domain="https://api.example.org")
EXPECTED: dict[str, type[PlatformError]] = {
    "AuthenticationError": NoAccess, "AuthorisationError": NoAccess, "SshKeyNotFound": NoAccess,
    "DuplicateSshKeyError": NoAccess, "OperationNotAllowed": NoAccess,
    "RateLimitExceededError": RateLimited, "PayloadTooLargeError": TooLarge, "MultiLabelLimitError": TooLarge,
    "InvalidArgumentsError": Refused, "ResourceNotFoundError": Refused, "ResourceExistsError": Refused,
    "MethodNotAllowedError": Refused, "WrongProjectTypeError": Refused, "InvalidDateFormatError": Refused,
    "AnswerDictionaryError": Refused, "CorruptedLabelError": Refused, "FeatureDoesNotExistError": Refused,
    "LabelRowError": Refused, "OntologyError": Refused, "DatasetError": Refused,
    "BundledMoveWorkflowTasksPayloadError": Refused,
}  # fmt: skip


def every_error() -> list[sdk.EncordException]:
    """Make one of each class that the SDK has, so that a new one does not go unnoticed."""
    made: list[sdk.EncordException] = []
    for _, kind in inspect.getmembers(sdk, inspect.isclass):
        if not issubclass(kind, sdk.EncordException):
            continue
        if kind is sdk.RateLimitExceededError:
            made.append(kind(message="said", context=CONTEXT, retry_after=9))
        elif kind is sdk.MultiLabelLimitError:
            made.append(kind("said", 70, context=CONTEXT))
        else:
            made.append(kind("said", context=CONTEXT))
    return made


@pytest.mark.parametrize("error", every_error(), ids=lambda e: type(e).__name__)
def test_every_error_of_the_sdk_has_its_place_and_names_the_trace(error: sdk.EncordException) -> None:
    result = translated("moving tasks", error)
    assert type(result) is EXPECTED.get(type(error).__name__, Unavailable)
    assert str(result).startswith("moving tasks: said")
    assert "cafe/7" in str(result)


def test_what_the_server_says_about_limits_and_waiting_is_kept() -> None:
    rate = translated("x", sdk.RateLimitExceededError(retry_after=9))
    assert isinstance(rate, RateLimited)
    assert rate.retry_after == 9
    limit = translated("x", sdk.MultiLabelLimitError("said", 70))
    assert isinstance(limit, TooLarge)
    assert limit.limit == 70


@pytest.mark.parametrize(
    "error",
    [requests.ConnectTimeout("x"), requests.exceptions.ChunkedEncodingError("x"), ProtocolError("x"), OSError("x"),
     AssertionError("x"), ValueError("x"), KeyError("x"), TypeError("x"), AttributeError("x")],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
def test_whatever_else_is_raised_means_that_there_was_no_usable_answer(error: Exception) -> None:
    def ask() -> None:
        raise error

    with pytest.raises(Unavailable, match=type(error).__name__) as raised:
        asked("listing", ask)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_an_answer_of_any_length_makes_a_message_of_one_line() -> None:
    message = str(translated("x", sdk.RequestException("<html>\n" * 1000)))
    assert "\n" not in message
    assert len(message) < 400


def test_a_server_that_fails_without_a_reason_is_no_reason_to_upgrade() -> None:
    with pytest.raises(Unavailable, match=r"^x: the server failed and gave no reason \(trace id cafe/7\)$"):
        asked("x", lambda: check_error_response(None, CONTEXT))
    with pytest.raises(Unavailable, match=r"NEW_ERROR.*upgrade the SDK"):
        asked("x", lambda: check_error_response("NEW_ERROR", CONTEXT))


def test_alrun_errors_pass_as_they_are() -> None:
    def ask() -> None:
        raise Refused("as it is")

    with pytest.raises(Refused, match="as it is"):
        asked("x", ask)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("*", "cut"), Unavailable),
        (Fault("*", "cut", when="after"), Unavailable),
        (Fault("*", "half"), Unavailable),
        (Fault("*", "status", status=429, retry_after=7), RateLimited),
        (Fault("*", "status", status=413), TooLarge),
        (Fault("*", "status", status=500), Unavailable),
        (Fault("*", "status", status=503), Unavailable),
        (Fault("*", "status", status=504), Unavailable),
    ],
    ids=lambda value: f"{value.does} {value.when} {value.status}" if isinstance(value, Fault) else "",
)
def test_a_fault_on_the_way_is_raised_at_once_from_every_kind_of_request(
    fault: Fault, expected: type[PlatformError], world: World
) -> None:
    platform = world.open()
    refs = tuple(task.ref for task in platform.tasks())
    platform.write(InitialiseLabels(refs[:2]))
    begun = tuple(task.ref for task in platform.tasks())
    platform.write(AddTag(refs[:1], "known"))
    here, there = (stage.uuid for stage in platform.project().stages[:2])
    calls: list[Callable[[], object]] = [
        platform.tasks, platform.tags, lambda: platform.labels([str(begun[0].label_hash)]),
        lambda: platform.write(InitialiseLabels(begun[2:3])), lambda: platform.write(Complete(begun[:1])),
        lambda: platform.write(Move(begun[3:4], here, there)), lambda: platform.write(SetPriority(begun[4:5], (0.9,))),
        lambda: platform.write(AddTag(begun[:1], "known")),
    ]  # fmt: skip
    for call in calls:
        world.emulator.faults.clear()
        world.emulator.fail(fault)
        before = platform.requests
        with pytest.raises(expected) as raised:
            call()
        assert platform.requests == before + 1, "only alrun's own retry layer may send again"
        if isinstance(raised.value, RateLimited):
            assert raised.value.retry_after == 7
