"""A team's own training script as a model: a program that is called with a folder."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copytree, rmtree, which
from tempfile import TemporaryDirectory, mkdtemp
from time import monotonic
from typing import Annotated, ClassVar, Literal
from weakref import finalize

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, MinLen

from alrun.errors import ConfigError, DataError
from alrun.files import digest, write_json
from alrun.models.base import Array, BadPredictions
from alrun.models.imported import Known
from alrun.models.inputs import check_targets
from alrun.models.prediction_files import read_rows
from alrun.models.prediction_rows import Faults, Images, class_rows
from alrun.types import ImageFile

_FACTS = "command.json"
_FILES = "files"
_SHOWN = 2_000  # characters of what a failed program said

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Command:
    """A program that trains and predicts: ``docs/command-model.md`` says what it is given and has to write.

    It is started as ``COMMAND... train FOLDER`` and ``COMMAND... predict FOLDER``, without a shell, in the folder
    where alrun was started, with its environment and without input.

    Attributes
    ----------
    command
        The program and its first arguments, such as ``[python, train.py]``.
    minutes
        How long a call may take; then it is stopped, with all processes it started.
    """

    inputs: ClassVar[Literal["files"]] = "files"

    command: Annotated[tuple[str, ...], MinLen(1)]
    minutes: Annotated[float, Gt(0)] = 60.0

    def __post_init__(self) -> None:
        if which(self.command[0]) is None:  # said before a run begins, not after its labels are paid for
            raise ConfigError(f"model.command: there is no program {self.command[0]!r}: name one, or its path")

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedCommand:
        """Let the program train; see :class:`alrun.models.base.Model`.

        Raises
        ------
        ConfigError
            If the program fails or takes too long.
        DataError
            If the targets are malformed.
        """
        check_targets(targets, len(inputs), classes)
        held = _Held()
        facts = Facts(classes, int(rng.integers(2**31)), threads)
        with TemporaryDirectory(prefix="alrun-train-") as folder:
            _write_task(Path(folder), "train", facts, held.path, inputs, targets.tolist())
            self.run("train", Path(folder))
        return TrainedCommand(self, facts, held.path, held)

    def load(self, folder: Path) -> TrainedCommand:
        """Read a saved model; see :class:`alrun.models.base.Model`. Its files are for the program alone to read.

        Raises
        ------
        DataError
            If the folder does not hold what a program trained, or any file was changed.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            content = TypeAdapter(_Content).validate_json((folder / _FACTS).read_bytes(), strict=True)
            found = _digests(folder / _FILES)
        except (OSError, ValidationError) as error:
            reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else f"{_FACTS} is malformed"
            raise DataError(f"no usable model in {folder}: {reason}") from error
        if content.kind != "command" or content.files != found:
            raise DataError(f"no usable model in {folder}: its files are not those that the command's training wrote")
        return TrainedCommand(self, content.facts, (folder / _FILES).absolute(), None)

    def run(self, step: str, folder: Path) -> None:
        """Call the program.

        Raises
        ------
        ConfigError
            If it fails or takes too long; the message has the end of what it wrote to its standard error.
        """
        argv = [*self.command, step, str(folder)]
        began = monotonic()
        with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
            try:
                process = subprocess.Popen(  # noqa: S603 -- the user's own program, without a shell
                    argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
                )
            except OSError as error:
                raise ConfigError(f"model.command={list(self.command)} cannot be started: {error.strerror}") from error
            try:
                code = process.wait(self.minutes * 60)
            except subprocess.TimeoutExpired:
                raise ConfigError(
                    f"{_named(argv)} was stopped: it took more than {self.minutes:g} minutes (model.minutes)"
                    f"{_said(folder)}"
                ) from None
            finally:
                if process.poll() is None:  # also after Ctrl-C
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        if code != 0:
            ended = f"exit code {code}" if code > 0 else f"signal {-code}"
            raise ConfigError(f"{_named(argv)} failed with {ended}{_said(folder)}")
        log.info("model: %s took %.1f s", _named(argv), monotonic() - began)


@dataclass(frozen=True)
class Facts:
    """What the program is told beside the images."""

    classes: Annotated[int, Ge(1)]
    seed: Annotated[int, Ge(0)]
    threads: Annotated[int, Ge(1)]


@dataclass(frozen=True)
class _Content:
    format: Literal[1]
    kind: str
    facts: Facts
    files: dict[str, str]


class _Held:
    """A folder of its own, which goes when nobody holds it any more."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="alrun-model-"))
        finalize(self, rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class TrainedCommand:
    """What a program trained: the files that it left in the folder `model`, which lives as long as `held`."""

    source: Command
    facts: Facts
    model: Path
    held: _Held | None

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Let the program predict; float64 (N, C), scaled to sum 1; see :class:`alrun.models.base.Trained`.

        Raises
        ------
        ConfigError
            If the program fails or takes too long.
        DataError
            If its predictions cannot be used; the message names the rows.
        """
        if len(inputs) == 0:
            return np.zeros((0, self.facts.classes))
        with TemporaryDirectory(prefix="alrun-predict-") as folder:
            _write_task(Path(folder), "predict", self.facts, self.model, inputs)
            self.source.run("predict", Path(folder))
            return _read_predictions(Path(folder), self.facts.classes, inputs)

    def save(self, folder: Path) -> None:
        """Write the program's files into `folder`, with a digest of each."""
        copytree(self.model, folder / _FILES)
        content = _Content(1, "command", self.facts, _digests(folder / _FILES))
        write_json(folder / _FACTS, asdict(content))


def _write_task(
    folder: Path, step: str, facts: Facts, model: Path, images: Sequence[ImageFile] | Array, labels: Sequence[int] = ()
) -> None:
    write_json(folder / "task.json", {"format": 1, "step": step, "model": str(model), **asdict(facts)})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["data_hash", "path", *(["label"] if labels else [])])
    for row, image in enumerate(images):
        writer.writerow([image.data_hash, image.path, *labels[row : row + 1]])
    (folder / "images.csv").write_text(out.getvalue(), encoding="utf-8")


def _read_predictions(folder: Path, classes: int, images: Array) -> npt.NDArray[np.float64]:
    files = [folder / name for name in ("predictions.csv", "predictions.parquet") if (folder / name).exists()]
    if len(files) != 1:
        what = "neither predictions.csv nor predictions.parquet" if not files else "two predictions files"
        raise DataError(f"the model's command left {what} in the folder it was given: write one{_said(folder)}")
    rows, faults = read_rows(files[0]), Faults()
    known = [Known(image.data_hash, image.data_hash, None, None) for image in images]
    found = np.full((len(known), classes), np.nan)
    options = [str(number) for number in range(classes)]
    for row, chances in class_rows(rows, Images(known, None), options, faults):
        found[row] = chances
    numbers = sorted((number, fault) for fault, wrong in faults.rows.items() for number in wrong)
    reasons: dict[str, str] = {}
    for number, fault in numbers:
        place = f"line {number + 1}" if files[0].suffix == ".csv" else f"row {number}, counted from 1,"
        given = rows[number - 1].get("data_hash")
        reasons.setdefault(given if isinstance(given, str) else place, f"{place} of {files[0].name}: {fault}")
    if not reasons:
        lacking = np.isnan(found).any(axis=1)
        reasons = {
            image.data_hash: f"has no row in {files[0].name}" for image, bad in zip(images, lacking, strict=True) if bad
        }
    if reasons:
        raise BadPredictions(reasons, len(known))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest(path.read_bytes()) for path in paths}


def _named(argv: Sequence[str]) -> str:
    return f"the model's command {json.dumps(list(argv[:-1]), ensure_ascii=False)}"


def _said(folder: Path) -> str:
    """Return the end of what the program wrote to its standard error, or else to its standard output."""
    for name in ("stderr.txt", "stdout.txt"):
        text = (folder / name).read_text(encoding="utf-8", errors="replace").strip()
        if text:
            lines = "".join(c if c.isprintable() or c == "\n" else " " for c in text[-_SHOWN:])
            return f"; it said:\n{lines}"
    return "; it said nothing"
