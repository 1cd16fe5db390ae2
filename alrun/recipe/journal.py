"""The append-only record of what a run meant to do and did, one JSON object a line (`journal.jsonl`, version 2).

Every line has `v`, `time` (UTC), `event` and, last, `chain`, a digest of the line and of the chain before it, so that a
line that is changed or missing between others shows. Reading changes nothing; the torn end that a kill may leave is
not read, and goes when the next line is appended.

========== ===================================================================================================
event      further fields
========== ===================================================================================================
open       run_id, round, plan (digest): the first line; ties the journal to one plan
approved   by: the plan may be applied
gave_way   —: another run began at the same moment; what follows takes this one's tags back, and the plan is dropped
intend     step, tasks (rows of the plan), request, evidence (row -> [label_hash, last_edited_at], for what moves
           tasks): before a write
done       step, tasks, request: the platform acknowledged it, or a later listing showed that it happened
skipped    step, tasks (row -> reason): left alone, because somebody else changed them or the platform refuses
finished   step: nothing of this step is left to do
restoring  —: restoring began, whether or not everything before was done
closed     —: the recipe is over; nothing of this run is on the platform any more
========== ===================================================================================================

`step` is a position in the plan's steps. A line is on the disk before what it announces is sent, and with it every
line before. Lines that only tell what has happened (`HINDSIGHT`) are synced with the next line that announces anything:
a power cut that takes them leaves what a kill right before them leaves, and the platform is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any

from alrun.errors import StateError, Unusable
from alrun.faults import reach
from alrun.files import append_line, digest, drop_torn_line, write_bytes
from alrun.recipe.plan import Plan

VERSION = 2

HINDSIGHT = frozenset({"open", "done", "skipped", "finished"})

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
        Rows that were left alone, with the reason.
    left_alone
        The same rows, whatever the step: those that move or order tasks pass them over from then on.
    """

    approved: bool = False
    gave_way: bool = False
    restoring: bool = False
    closed: bool = False
    intended: dict[int, set[int]] = field(default_factory=dict)
    done: dict[int, set[int]] = field(default_factory=dict)
    skipped: dict[int, dict[int, str]] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    left_alone: set[int] = field(default_factory=set)
    evidence: dict[int, Evidence] = field(default_factory=dict)

    def among(self, record: Mapping[int, Set[int]], plan: Plan, kinds: UnionType | type) -> set[int]:
        """Return the rows that `record` (`intended` or `done`) holds for the steps of these kinds."""
        return {row for p, rows in record.items() if isinstance(plan.steps[p], kinds) for row in rows}

    def note(self, line: Mapping[str, Any]) -> None:
        """Take in one line."""
        step = line.get("step", -1)
        match line["event"]:
            case "open":
                pass
            case "approved":
                self.approved = True
            case "gave_way":
                self.gave_way = True
            case "intend":
                self.intended.setdefault(step, set()).update(line["tasks"])
                self.evidence |= {int(row): (seen[0], seen[1]) for row, seen in line["evidence"].items()}
            case "done":
                self.done.setdefault(step, set()).update(line["tasks"])
            case "skipped":
                reasons = {int(row): str(why) for row, why in line["tasks"].items()}
                self.skipped.setdefault(step, {}).update(reasons)
                self.left_alone |= reasons.keys()
            case "finished":
                self.finished.add(step)
            case "restoring":
                self.restoring = True
            case "closed":
                self.closed = True
            case other:
                raise KeyError(other)


class Journal:
    """The journal of one plan. Opening it writes nothing.

    Raises
    ------
    Unusable
        If the file belongs to another plan, is of another version, or is damaged anywhere but in its last line.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path = path
        self._plan = plan
        self._chain = ""
        self._torn = True
        self.progress = Progress()
        for number, content in enumerate(_whole_lines(path), 1):
            self._replay(number, content)

    def approve(self, by: str) -> None:
        """Record that the plan may be applied."""
        self._append("approved", by=by)

    def give_way(self) -> None:
        """Record that this run leaves the project to another one, and that its plan is of no use any more."""
        self._append("gave_way")

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

    def _replay(self, number: int, content: bytes) -> None:
        try:
            line = json.loads(content)
            if line["v"] != VERSION:
                raise Unusable(
                    f"{self._path} line {number} is of version {line['v']!r}, and this alrun reads version {VERSION}",
                    "finish the run with the alrun that began it, or bring its tasks back with `action=restore`",
                )
            chain = _chain(self._chain, content.decode().removesuffix(_link(line["chain"])))
            if chain == line["chain"]:
                self._chain = chain
                self._check_plan(line)
                self.progress.note(line)
                return
            fault = "it was changed, or a line before it is missing"
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            fault = str(error)
        raise Unusable(
            f"{self._path} line {number} is damaged ({fault})",
            "nothing was done. A kill can tear only the last line, so the file was changed. Put the original back, or "
            "bring the tasks back with `action=restore`, which works without it",
        )

    def _check_plan(self, line: Mapping[str, Any]) -> None:
        if line["event"] == "open" and line["plan"] != self._plan.digest:
            raise Unusable(
                f"{self._path} records the plan {line['plan']}, but the plan beside it is {self._plan.digest}",
                "nothing was done. Put back the plan that the journal belongs to, or bring the tasks back with "
                f"`action=restore run_id={line['run_id']}`",
            )

    def _append(self, event: str, **fields: Any) -> None:
        if not self._chain and event != "open":
            self._append("open", run_id=self._plan.run_id, round=self._plan.round, plan=self._plan.digest)
        body = json.dumps({"v": VERSION, "time": datetime.now(UTC).isoformat(), "event": event, **fields})[:-1]
        chain = _chain(self._chain, body)
        reach(f"journal.before_{event}")
        try:
            if not self._path.exists():
                write_bytes(self._path, b"")  # a folder entry that survives a power cut, as the lines do
            elif self._torn:
                drop_torn_line(self._path)
            self._torn = True  # until the line is there in full
            append_line(self._path, body + _link(chain), durable=event not in HINDSIGHT)
        except OSError as error:
            raise StateError(
                f"the journal {self._path} cannot be written ({error.strerror}): stopped before anything was sent "
                "that it does not hold. Make room or make it writable, then resume"
            ) from None
        self._torn = False
        self._chain = chain
        self.progress.note({"event": event, **fields})
        reach(f"journal.after_{event}")


def _chain(previous: str, body: str) -> str:
    return digest((previous + body).encode())


def _link(chain: str) -> str:
    return f', "chain": {json.dumps(chain)}}}'


def _whole_lines(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(
            f"the journal {path} cannot be read ({error.strerror}): nothing was done. Make it readable; or, if it is "
            "lost, bring the tasks back with `action=restore run_id=ID` (`action=status` shows the ID)"
        ) from None
    return content[: content.rfind(b"\n") + 1].splitlines()
