"""What the SDK's documentation leaves open about the server, and the little experiment that answers each question.

A question that is named like a policy of the emulator is answered with a value of that policy. A probe that the
server refuses where it should not leaves its questions open, with what the server said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alrun.platform.encord import asking
from alrun.platform.encord.asking import Answers
from alrun.platform.encord.bench import Bench


@dataclass(frozen=True)
class Question:
    """Questions that one probe answers: what is asked, by name; `fresh` if it begins without label rows."""

    names: Mapping[str, str]
    ask: Callable[[Bench], Answers]
    fresh: bool = False


QUESTIONS: Sequence[Question] = (
    Question(
        {
            "move_needs_label_row": "a task without a label row was moved",
            "move_creates_label_row": "the same task was looked at after that",
            "create_again": "a label row was created that was there already",
        },
        asking.new_tasks,
        fresh=True,
    ),
    Question(
        {
            "complete_again": "a complete task was completed",
            "priority_of_complete": "a complete task was given a priority",
            "moves_in_audit_log": "the task actions were read after a task was completed and reopened",
        },
        asking.complete,
    ),
    Question(
        {
            "reopen_keeps_priority": "a task with a priority was completed and reopened",
            "reopen_keeps_assignee": "an assigned task was completed and reopened",
            "reopen_again": "an assigned task of the first stage was reopened",
        },
        asking.reopened,
    ),
    Question({"stray_moves": "two tasks were moved of which one had left the stage"}, asking.stray_move),
    Question({"stray_actions": "two tasks were submitted of which one had left the stage"}, asking.stray_action),
    Question({"stray_labels": "two tasks were completed of which one does not exist"}, asking.stray_label),
    Question({"move_from_done": "a task was moved out of the done stage"}, asking.from_done),
    Question({"priority_decimals": "a priority with nine decimals was set"}, asking.rounding),
    Question({"collection_add_again": "an image was added to a collection that has it"}, asking.collection),
    Question({"metadata_patch": "two keys of client metadata were written one after the other"}, asking.metadata),
    Question({"title_patterns_ignore_case": "a title was looked for in the other case"}, asking.titles),
    Question(
        {
            "page_size": "the tasks of the first stage were listed",
            "pages_by": "a task left the first page while the others were listed",
            "task_uuids_agree": "the tasks of the stage and of the label rows were compared",
        },
        asking.paging,
    ),
    Question(
        {
            "moves_touch_labels": "the last edit of tasks was compared before and after each move",
            "moves_record_actor": "the last actor of tasks was compared before and after each move",
        },
        asking.evidence,
    ),
)

UNASKED: Mapping[str, str] = {
    "labels_per_request": "a scratch project has too few tasks to reach the limit",
    "moves_per_request": "a scratch project has too few tasks to reach the limit",
    "items_per_request": "a scratch project has too few tasks to reach the limit",
    "body_bytes": "a scratch project has too few tasks to reach the limit",
    "signature_seconds": "the SDK signs a request when it sends it, never earlier",
    "url_seconds": "it would take waiting until an address expires",
    "managers_only": "the owner of the key has one role, which suffices",
}
"""Policies of the emulator that no probe answers, and why."""

ADVICE: Mapping[tuple[str, object], str] = {
    ("moves_record_actor", True): "set platform.records_moves=true",
    ("moves_record_actor", False): "set platform.records_moves=false",
    ("moves_touch_labels", True): "use recipe=priority: the others would take their own moves for people's edits",
    ("move_creates_label_row", True): "do not use recipe=move: it would take its own moves for people's edits",
    ("move_needs_label_row", True): "recipe=move leaves tasks without a label row in the queue: use recipe=park",
    ("move_from_done", "refused"): "recipe=move cannot bring tasks back: use recipe=park",
    **dict.fromkeys(
        [("priority_decimals", decimals) for decimals in (0, 1)],
        "do not use recipe=priority or relabel: they could not tell their own priorities from people's",
    ),
    ("task_uuids_agree", False): "do not use recipe=move: its tasks would be others than those that were listed",
}
"""What answers mean for the config."""
