"""Every guess about the real server, each one named, documented and switchable.

What the official SDK's source and documentation settle is built in. What they leave open is a field of
:class:`Policies`; its default asks most of a client. What the local platform decides already cannot be switched:

- a completed task loses its assignee, and its priority unless `reopen_keeps_priority`;
- `complete` leads to the one done stage from any stage, past every review;
- `submit`, `approve` and `reject` leave a task unassigned unless the request says otherwise, and a task that is
  submitted unlabelled gets a label row;
- a task that is moved back to an annotation stage from review or done has status `REOPENED`, otherwise `NEW`;
- a label that does not fit the ontology is never saved, whatever `validate_before_saving` says;
- an assignee may be anybody: the project has no list of people;
- a project has one collection of each name: a second one is refused as existing already;
- a project may have several filter presets of one name, and a preset may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_type_hints

from alrun.errors import ConfigError, one_of


@dataclass(frozen=True)
class Policies:
    """What the emulator guesses about the server. Each field says what it decides and what the default means."""

    page_size: int = 100
    """How many results a page has where the client names no size. The client cannot name one for tasks."""

    pages_by: Literal["offset", "key"] = "offset"
    """What a page token is: a count of results from the start, so that moving tasks while paging skips some; or the
    last result seen, which is stable."""

    labels_per_request: int = 1000
    """How many label rows one v1 request may name; more are a MULTI_LABEL_LIMIT_ERROR."""

    moves_per_request: int = 500
    """How many tasks one move may name; more are a 413."""

    items_per_request: int = 1000
    """How many tasks, priorities, items or labels any other v2 request may name; more are a 413."""

    body_bytes: int = 100_000_000
    """How large a request's body may be; a larger one is a 413."""

    create_again: Literal["refused", "returned"] = "refused"
    """What creating a label row that exists does: refuse the request, or answer with the row as it is."""

    complete_again: Literal["ok", "refused"] = "ok"
    """What completing a complete task does: nothing, or refuse the request."""

    reopen_again: Literal["ok", "refused", "unassigns"] = "ok"
    """What reopening a task of the first stage does: nothing, refuse the request, or take its assignee."""

    reopen_keeps_priority: bool = False
    """Whether a task that is reopened has the priority again that it was completed with."""

    reopen_keeps_assignee: bool = False
    """Whether a task that is reopened has the assignee again that it was completed with."""

    stray_actions: Literal["refuse", "part", "skip"] = "refuse"
    """What an action on tasks does when some have left the stage: refuse it whole, apply the rest and answer
    400, or apply the rest and answer 200. The first was seen on a live project by others."""

    stray_moves: Literal["refuse", "part", "skip"] = "refuse"
    """The same for a move."""

    stray_labels: Literal["refuse", "part", "skip"] = "refuse"
    """The same for completing and reopening when a label row does not exist."""

    move_from_done: Literal["ok", "refused"] = "ok"
    """Whether a task of a done stage can be moved."""

    move_needs_label_row: bool = False
    """Whether a task must be initialised before it can be moved."""

    move_creates_label_row: bool = False
    """Whether a move initialises a task that is not."""

    moves_record_actor: bool = True
    """Whether complete, reopen and move show as the task's last action. Where not, the last person's stays."""

    moves_touch_labels: bool = False
    """Whether complete, reopen and move change when the labels were last edited, as a listing says it."""

    moves_in_audit_log: bool = True
    """Whether complete, reopen and move appear in the task actions, as `move`."""

    priority_decimals: int | None = None
    """To how many decimals a priority is rounded; None keeps it."""

    priority_of_complete: Literal["refused", "ignored"] = "refused"
    """What a priority for a complete task does: refuse the request, or nothing."""

    collection_add_again: Literal["ok", "failed"] = "ok"
    """Whether an item that a collection has already is among the failed items of the answer."""

    metadata_patch: Literal["replace", "merge"] = "replace"
    """What client metadata that are written do to what an item has already."""

    signature_seconds: int | None = 300
    """How old a v2 signature may be; None never checks. (v1 signatures carry no time.)"""

    url_seconds: float = 3600.0
    """How long a signed URL works."""

    title_patterns_ignore_case: bool = False
    """Whether `data_title_like` and its like match in either case. `%` and `_` are wildcards, as in SQL."""

    managers_only: bool = True
    """Whether only admins and team managers may use the project, as the SDK's documentation says."""


def parse(settings: Iterable[str], base: Policies | None = None) -> Policies:
    """Read policies of the form ``NAME=VALUE``, as the command line gives them; the others are those of `base`.

    Raises
    ------
    ConfigError
        If there is no policy of that name, or it has no such value.
    """
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(Policies)
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in hints:
            allowed = [field.name for field in fields(Policies)]
            raise ConfigError(f"there is no policy {setting!r} (NAME=VALUE): {one_of(name, allowed)}")
        try:
            values[name] = TypeAdapter(hints[name]).validate_python(None if value == "none" else value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ConfigError(f"the policy {name} cannot be {value!r}: {reason}") from error
    return replace(base or Policies(), **values)
