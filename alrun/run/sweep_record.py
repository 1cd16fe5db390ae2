"""What a sweep writes down: which jobs it means (sweep.json), and how each of them ended (job.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from alrun.errors import StateError, Unusable
from alrun.files import write_json

VERSION = 1
SWEEP_JSON, JOB_JSON = "sweep.json", "job.json"

Status = Literal["done", "failed", "waiting", "interrupted", "missing"]


@dataclass(frozen=True)
class PlannedJob:
    """One job of a sweep, as it was composed before the first one started.

    Attributes
    ----------
    job
        Its identity: a digest of its resolved config, its action and its data.
    number
        Its place in the sweep, from 0.
    role
        `job`, or `full_data`: a reference that labels everything.
    folder
        Its run folder, relative to the sweep's.
    overrides
        What sets it apart from the other jobs: each swept key and its value.
    facts
        The columns of sweep.parquet that its config decides.
    reference
        The job that labels everything in the same setting with the same seed; None if there is none.
    """

    job: str
    number: int
    role: Literal["job", "full_data"]
    folder: str
    overrides: Mapping[str, str]
    facts: Mapping[str, Any]
    reference: str | None = None

    @property
    def label(self) -> str:
        """What people call the job among the others: its overrides, as one text."""
        if self.role == "full_data":
            return " ".join(filter(None, ["full data", self.facts["setting_label"], f"seed={self.facts['seed']}"]))
        return " ".join(f"{key}={value}" for key, value in self.overrides.items())


@dataclass(frozen=True)
class SweepRecord:
    """The content of sweep.json: the last command, and the jobs that it meant."""

    name: str
    command: str
    launcher: str
    jobs: tuple[PlannedJob, ...]
    started_at: str
    code: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def save(self, folder: Path) -> None:
        """Write sweep.json."""
        write_json(folder / SWEEP_JSON, asdict(self))

    @staticmethod
    def open(folder: Path) -> SweepRecord:
        """Read sweep.json.

        Raises
        ------
        StateError
            If there is none, it is damaged, or of another version.
        """
        path = folder / SWEEP_JSON
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["version"]
            if version != VERSION:
                raise StateError(f"{path} is of version {version}; this alrun reads version {VERSION}")
            return SweepRecord(**content | {"jobs": tuple(PlannedJob(**job) for job in content["jobs"])})
        except FileNotFoundError:
            raise StateError(f"{folder} holds no sweep: there is no {SWEEP_JSON} in it") from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Unusable(
                f"{path} is damaged ({error})", "delete it and start the same sweep again: what is done stays done"
            ) from None


@dataclass(frozen=True)
class JobRecord:
    """How a job ended; `job.json` in its folder, written when it ends and not before."""

    exit_code: int | None = None
    error: str | None = None
    seconds: float | None = None
    began: bool = True

    @property
    def status(self) -> Status:
        """`interrupted` was begun and did not come to an end; `missing` was never begun."""
        if self.exit_code is None:
            return "interrupted" if self.began else "missing"
        return {0: "done", 3: "waiting"}.get(self.exit_code, "failed")  # type: ignore[return-value]

    def save(self, folder: Path) -> None:
        """Write job.json."""
        write_json(folder / JOB_JSON, {"exit_code": self.exit_code, "error": self.error, "seconds": self.seconds})

    @staticmethod
    def of(folder: Path) -> JobRecord:
        """Read how the job in `folder` ended, or whether it was begun."""
        try:
            return JobRecord(**json.loads((folder / JOB_JSON).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return JobRecord(began=(folder / "run.json").exists())
        except (OSError, ValueError, TypeError) as error:
            raise StateError(
                f"{folder / JOB_JSON} cannot be read ({error}): delete it, and the job runs again"
            ) from None
