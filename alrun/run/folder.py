"""The run folder: where everything that a run did can be read, and from which it is resumed.

::

    run.json          what ran: id, status, config digest, versions, project, phases with times and requests
    phases.jsonl      the phases, as they end; run.json has them when it is saved next
    alrun.log         what it said
    selection.csv     the picks of every round
    curve.csv         one row an evaluation
    pool.parquet      the last round's tasks with every metric
    predictions.parquet, model/   of the last training
    report.html       all of it for people
    rounds/01/        pool.parquet, selection.csv, plan.json, journal.jsonl, steps.json, queue.json, result.json

A round is planned once its plan.json exists, its queue is ready once queue.json does, and it is over once
result.json does: each is written last, and whole.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import alrun
from alrun.errors import StateError, Unusable
from alrun.files import append_line, drop_torn_line, write_json
from alrun.run.round_folder import RoundFolder
from alrun.terminal import command_for

VERSION = 1
SHAPE: Mapping[str, type] = {
    "id": str, "status": str, "python": str, "system": str, "code": dict, "packages": dict,
    "phases": list, "notes": list,
}  # fmt: skip
"""What every `run.json` holds; the facts of the run come on top."""

PACKAGES = ("encord", "hydra-core", "numpy", "omegaconf", "pillow", "polars", "scikit-learn", "torch")


@dataclass
class RunFolder:
    """A run folder and its `run.json`, which is saved after every change.

    Phases are many and short: each is appended to `phases.jsonl` when it is over, and gets into `run.json` when that is
    saved next. A kill loses none, a power cut at most the last ones.

    Attributes
    ----------
    record
        The content of `run.json`.
    looks
        Whether nothing is ever written: another process may be at work in the folder.
    """

    path: Path
    record: dict[str, Any] = field(default_factory=dict)
    looks: bool = False
    _whole: bool = field(default=False, init=False)
    """Whether the last line of `phases.jsonl` is known to be whole."""

    @staticmethod
    def create(path: Path, facts: Mapping[str, Any], *, looks: bool = False) -> RunFolder:
        """Begin a run in `path`, or go on with the one that is there; only in memory if it `looks`.

        Raises
        ------
        StateError
            If the folder cannot be written, or holds something else than a run of this version.
        """
        folder = RunFolder(path, looks=looks)
        if folder.run_json.exists():
            folder._read()
            folder._check({name: type(fact) for name, fact in facts.items()})
            return folder
        folder.record = {
            "version": VERSION,
            "id": run_id_in(path) or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}",  # run.json may be lost
            "status": "running",
            "started_at": datetime.now(UTC).isoformat(),
            "host": platform.node(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "code": code_version(),
            "packages": {name: installed_version(name) for name in PACKAGES},
            "phases": [],
            "notes": [],
            **facts,
        }
        folder.save()
        return folder

    @staticmethod
    def open(path: Path) -> RunFolder:
        """Read the run in `path`; that writes nothing.

        Raises
        ------
        StateError
            If there is none, or it is of another version.
        Unusable
            If it is damaged.
        """
        folder = RunFolder(path)
        folder._read()
        return folder

    @property
    def run_json(self) -> Path:
        """The record of the run."""
        return self.path / "run.json"

    @property
    def phases(self) -> Path:
        """The phases that are over, one a line."""
        return self.path / "phases.jsonl"

    @property
    def run_id(self) -> str:
        """The run's id: when it began, and six random digits."""
        return str(self.record["id"])

    @property
    def model(self) -> Path:
        """The folder of the model that was trained last."""
        return self.path / "model"

    def round(self, number: int) -> RoundFolder:
        """Return the folder of a round; it is created."""
        path = self.path / "rounds" / f"{number:02d}"
        path.mkdir(parents=True, exist_ok=True)
        return RoundFolder(path)

    def rounds(self) -> dict[int, RoundFolder]:
        """Return the rounds that were begun, by number."""
        found = sorted(p for p in (self.path / "rounds").glob("*") if p.name.isdigit())
        return {int(p.name): RoundFolder(p) for p in found}

    def update(self, **facts: Any) -> None:
        """Change the record and save it, unless it says so already."""
        if any(name not in self.record or self.record[name] != fact for name, fact in facts.items()):
            self.record.update(facts)
            self.save()

    def note(self, text: str) -> None:
        """Add something that a person should know; each text once."""
        if text not in self.record["notes"]:
            self.record["notes"].append(text)
            self.save()

    def save(self) -> None:
        """Write `run.json`."""
        if self.looks:
            return
        try:
            write_json(self.run_json, self.record)
        except OSError as error:
            raise self._unwritable(error) from None

    @contextmanager
    def phase(self, name: str, round_number: int, requests: Callable[[], int]) -> Iterator[dict[str, Any]]:
        """Time a phase and count its requests; the block may add counts to the yielded dict."""
        began, before = monotonic(), requests()
        details: dict[str, Any] = {}
        yield details
        self.add_phase(name, round_number, monotonic() - began, requests() - before, **details)

    def add_phase(self, name: str, round_number: int, seconds: float, requests: int, **details: Any) -> None:
        """Record a phase that is over."""
        entry = {"name": name, "round": round_number, "seconds": round(seconds, 3), "requests": requests, **details}
        if not self.looks:
            try:
                if not self._whole and self.phases.exists():
                    drop_torn_line(self.phases)
                append_line(self.phases, json.dumps(entry), durable=False)
            except OSError as error:
                raise self._unwritable(error) from None
            self._whole = True
        self._set_phases([*self.record["phases"], entry])

    def _read(self) -> None:
        try:
            record = json.loads(self.run_json.read_text(encoding="utf-8"))
            version = record["version"]
        except FileNotFoundError:
            raise StateError(f"{self.path} is not a run folder: it has no run.json. Name one with run=FOLDER") from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise damaged(self.path, self.run_json, error) from None
        if version != VERSION:
            raise StateError(f"{self.run_json} is of version {version}; this alrun reads version {VERSION}")
        self.record = record
        self._check(SHAPE)
        if not all(_is_phase(phase) for phase in record["phases"]):
            raise damaged(self.path, self.run_json, "its phases are malformed")
        self._take_in_phases()

    def _set_phases(self, phases: list[dict[str, Any]]) -> None:
        self.record |= {"phases": phases, "requests": sum(phase["requests"] for phase in phases)}

    def _check(self, shape: Mapping[str, type]) -> None:
        wrong = next((name for name, kind in shape.items() if not isinstance(self.record.get(name), kind)), None)
        if wrong is not None:
            raise damaged(self.path, self.run_json, f"it has no {wrong!r}, or a wrong one")

    def _take_in_phases(self) -> None:
        """Take in the phases that were over when the process ended and that `run.json` does not know of.

        They only say what took how long: those that cannot be read are done without.
        """
        if not self.phases.exists():
            return
        try:
            content = self.phases.read_bytes()
        except OSError as error:
            self._leave_out_phases(str(error.strerror))
            return
        lines = content[: content.rfind(b"\n") + 1].splitlines()  # the rest is being written, or was torn by a kill
        phases = [phase for phase in map(_phase_of, lines) if phase is not None]
        if len(phases) < len(lines):
            self._leave_out_phases(f"{len(lines) - len(phases)} of {len(lines)} lines are malformed")
        if len(phases) > len(self.record["phases"]):
            self._set_phases(phases)

    def _leave_out_phases(self, reason: str) -> None:
        note = f"what some phases took is not known: {self.phases.name} cannot be read ({reason})"
        if not any(str(other).startswith(note.partition(" (")[0]) for other in self.record["notes"]):
            self.record["notes"].append(note)  # saved with the next change: opening a run only reads it

    def _unwritable(self, error: OSError) -> StateError:
        return StateError(f"the run folder {self.path} cannot be written ({error.strerror})")


def damaged(run: Path, path: Path, fault: object) -> Unusable:
    """Return what to raise if the record or the config of a run, without which nothing goes on, cannot be used."""
    found = run_id_in(run)
    known = f"`action=restore run_id={found}`" if found else "`action=restore run_id=ID` (`action=status` shows the ID)"
    return Unusable(
        f"{path} is damaged ({' '.join(str(fault).split())})",
        "nothing was done. Put the file back, or bring the tasks that the run moved back with "
        f"{known} and the same platform settings",
    )


def of_another_config(folder: Path, found: str, given: str) -> str:
    """Return what to say of a folder that holds the run of another config (digests `found` and `given`)."""
    return (
        f"{folder} holds a run of another config (digest {found}, this one has {given}): nothing was done. Start in a "
        f"new folder; or finish that run, {command_for('resume', folder)}; or bring its tasks back, "
        f"{command_for('restore', folder)}"
    )


_RUN_ID = re.compile(rb'"(?:run_)?id": "(\d{8}-\d{6}-[0-9a-f]{6})"')


def run_id_in(run: Path) -> str | None:
    """Return the id of the run in a folder as far as any of its files, whole or not, holds it."""
    for path in (run / "run.json", *sorted(run.glob("rounds/*/plan.json"))):
        try:
            found = _RUN_ID.search(path.read_bytes())
        except OSError:
            continue
        if found is not None:
            return found[1].decode()
    return None


def _phase_of(line: bytes) -> dict[str, Any] | None:
    try:
        phase = json.loads(line)
    except ValueError:
        return None
    return phase if _is_phase(phase) else None


def _is_phase(content: Any) -> bool:
    kinds: Mapping[str, Any] = {"name": str, "round": int, "seconds": (int, float), "requests": int}
    return isinstance(content, dict) and all(isinstance(content.get(name), kind) for name, kind in kinds.items())


def code_version() -> dict[str, Any]:
    """Return this code's version, and its commit and whether it was changed since if it runs from a checkout."""
    root = Path(alrun.__file__).resolve().parent.parent
    facts: dict[str, Any] = {"version": alrun.__version__, "commit": None, "dirty": None}
    if (root / ".git").exists():
        facts["commit"] = _git(root, "rev-parse", "HEAD")
        status = _git(root, "status", "--porcelain", "--untracked-files=no")
        facts["dirty"] = None if status is None else bool(status)
    return facts


def _git(root: Path, *arguments: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *arguments],  # noqa: S607
            capture_output=True, text=True, timeout=10, check=True, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def installed_version(package: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def command_line(arguments: tuple[str, ...]) -> str:
    """Return a command that people can paste: `python -m alrun` and the arguments, quoted where needed."""
    from shlex import join

    return join([Path(sys.executable).name, "-m", "alrun", *arguments])
