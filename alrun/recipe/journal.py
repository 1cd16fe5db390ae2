"""The append-only record of what a run meant to do and did, one JSON object a line (`journal.jsonl`, version 1).

Every line has `v`, `time` (UTC) and `event`:

========== ===================================================================================================
event      further fields
========== ===================================================================================================
open       run_id, round, plan (digest): the first line; ties the journal to one plan
approved   by: the plan may be applied
intend     step, tasks (rows of the plan), request, evidence (row -> [label_hash, last_edited_at], for what moves
           tasks): before a write
done       step, tasks, request: the platform acknowledged it, or a later listing showed that it happened
skipped    step, tasks (row -> reason): left alone, because somebody else changed them or the platform refuses
finished   step: nothing of this step is left to do
restoring  —: restoring began, whether or not everything before was done
closed     —: the recipe is over; nothing of this run is on the platform any more
========== ===================================================================================================

`step` is a position in the plan's steps. A line is on the disk before what it announces is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alrun.errors import StateError
from alrun.faults import reach
from alrun.files import append_line, drop_torn_line
from alrun.recipe.plan import Plan

VERSION = 1

Evidence = tuple[str | None, str | None]


@dataclass
class Progress:
    """What a journal says; keys are step positions, and rows of the plan's tasks within them.

    Attributes
    ----------
    intended
        Rows for which a write was announced.
    done
        Rows for which it is known to have happened.
    evidence
        Label row and last edit of a task, as listed right before it was last written to.
    skipped
        Rows that later steps leave alone, with the reason.
    """

    approved: bool = False
    restoring: bool = False
    closed: bool = False
    intended: dict[int, set[int]] = field(default_factory=dict)
    done: dict[int, set[int]] = field(default_factory=dict)
    skipped: dict[int, dict[int, str]] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    evidence: dict[int, Evidence] = field(default_factory=dict)

    def note(self, line: Mapping[str, Any]) -> None:
        """Take in one line."""
        step = line.get("step", -1)
        match line["event"]:
            case "open":
                pass
            case "approved":
                self.approved = True
            case "intend":
                self.intended.setdefault(step, set()).update(line["tasks"])
                self.evidence |= {int(row): (seen[0], seen[1]) for row, seen in line["evidence"].items()}
            case "done":
                self.done.setdefault(step, set()).update(line["tasks"])
            case "skipped":
                self.skipped.setdefault(step, {}).update({int(r): why for r, why in line["tasks"].items()})
            case "finished":
                self.finished.add(step)
            case "restoring":
                self.restoring = True
            case "closed":
                self.closed = True
            case other:
                raise KeyError(other)


class Journal:
    """The journal of one plan, open for appending.

    Raises
    ------
    StateError
        If the file belongs to another plan, is of another version, or is damaged anywhere but in its last line.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path = path
        self.progress = Progress()
        lines = _read(path)
        for number, line in enumerate(lines, 1):
            try:
                if line["v"] != VERSION:
                    raise StateError(f"{path} line {number} is of version {line['v']!r}, this alrun reads {VERSION}")
                self.progress.note(line)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                raise StateError(_damaged(path, number, repr(error))) from None
        if not lines:
            self._append("open", run_id=plan.run_id, round=plan.round, plan=plan.digest)
        elif lines[0].get("plan") != plan.digest:
            raise StateError(
                f"{path} records the plan {lines[0].get('plan')}, but the plan beside it is {plan.digest}: "
                "nothing was done. Put back the plan that the journal belongs to, or bring the tasks back with "
                f"`action=restore run_id={plan.run_id}`"
            )

    def approve(self, by: str) -> None:
        """Record that the plan may be applied."""
        self._append("approved", by=by)

    def intend(self, step: int, rows: Iterable[int], evidence: Mapping[int, Evidence], request: str) -> None:
        """Record that a write of these rows is about to be sent; returns when that is on the disk."""
        self._append("intend", step=step, tasks=sorted(rows), evidence=evidence, request=request)

    def done(self, step: int, rows: Iterable[int], request: str) -> None:
        """Record that rows are known to be written."""
        self._append("done", step=step, tasks=sorted(rows), request=request)

    def skip(self, step: int, reasons: Mapping[int, str]) -> None:
        """Record rows that this run leaves alone from now on."""
        self._append("skipped", step=step, tasks=reasons)

    def finish(self, step: int) -> None:
        """Record that a step is over."""
        self._append("finished", step=step)

    def restoring(self) -> None:
        """Record that restoring began."""
        self._append("restoring")

    def close(self) -> None:
        """Record that nothing is left to do."""
        self._append("closed")

    def _append(self, event: str, **fields: Any) -> None:
        line = json.dumps({"v": VERSION, "time": datetime.now(UTC).isoformat(), "event": event, **fields})
        reach(f"journal.before_{event}")
        try:
            append_line(self._path, line)
        except OSError as error:
            raise StateError(
                f"the journal {self._path} cannot be written ({error.strerror}): stopped before anything was sent "
                "that it does not hold. Make room or make it writable, then resume"
            ) from None
        self.progress.note(json.loads(line))
        reach(f"journal.after_{event}")


def _read(path: Path) -> list[Any]:
    try:
        if not path.exists():
            return []
        drop_torn_line(path)
        raw = path.read_bytes().splitlines()
    except OSError as error:
        raise StateError(f"the journal {path} cannot be opened for appending ({error.strerror})") from None
    lines: list[Any] = []
    for number, content in enumerate(raw, 1):
        try:
            lines.append(json.loads(content))
        except ValueError as error:
            raise StateError(_damaged(path, number, str(error))) from None
    if lines and (not isinstance(lines[0], dict) or lines[0].get("event") != "open"):
        raise StateError(_damaged(path, 1, "a journal begins with an 'open' line"))
    return lines


def _damaged(path: Path, number: int, detail: str) -> str:
    return (
        f"{path} line {number} is damaged ({detail}): nothing was done. A kill can tear only the last line, so the "
        "file was changed. Put the original back, or bring the tasks back with `action=restore run_id=...`"
    )
