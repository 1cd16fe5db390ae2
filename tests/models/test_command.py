"""A program as a model: the one in the docs, and everything that a program can do wrong."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image

import alrun
from alrun.errors import ConfigError, DataError
from alrun.models.base import Array, BadPredictions, Model, Sampled, Trained
from alrun.models.command import Command
from alrun.models.ensemble import Ensemble
from alrun.types import ImageFile

PAGE = Path(alrun.__file__).parent.parent / "docs" / "command-model.md"


def program(folder: Path) -> Path:
    found = re.search(r"<!-- program -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    file = folder / "train.py"
    file.write_text(found[1], encoding="utf-8")
    return file


def images(folder: Path, rows: int, seed: int = 0) -> tuple[Array, Array]:
    """Dark and bright pictures with a name that has to be quoted in CSV: classes 0 and 2."""
    rng = np.random.default_rng(seed)
    targets = (np.arange(rows) % 2) * 2
    found = []
    for row, target in enumerate(targets):
        path = folder / f'image "{seed}", {row}.png'
        Image.fromarray((rng.integers(0, 60, (8, 8, 3)) + 60 * target).astype(np.uint8)).save(path)
        found.append(ImageFile(f"hash-{seed}-{row}", path, "unread"))
    return np.array(found, object), targets


def fit(model: Model, folder: Path) -> Trained:
    return model.fit(*images(folder, 8), 3, np.random.default_rng(0), threads=1)


@pytest.fixture
def model(tmp_path: Path) -> Command:
    return Command((sys.executable, str(program(tmp_path))), minutes=1)


def test_the_program_in_the_docs_learns_and_predicts(model: Command, tmp_path: Path) -> None:
    fitted = fit(model, tmp_path)
    inputs, targets = images(tmp_path, 20, seed=1)
    found = fitted.predict_proba(inputs)
    assert found.dtype == np.float64
    assert (found.argmax(axis=1) == targets).all()
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(fitted.predict_proba(inputs[::-1])[::-1], found)
    assert fitted.predict_proba(inputs[:0]).shape == (0, 3)
    assert isinstance(model, Model)
    assert not isinstance(fitted, Sampled)


def test_a_saved_model_predicts_the_same_and_no_change_goes_unnoticed(model: Command, tmp_path: Path) -> None:
    fitted, saved = fit(model, tmp_path), tmp_path / "saved"
    saved.mkdir()
    fitted.save(saved)
    inputs, _ = images(tmp_path, 4, seed=1)
    np.testing.assert_array_equal(model.load(saved).predict_proba(inputs), fitted.predict_proba(inputs))
    for change in ("cut", "deleted", "added"):
        file = saved / "files" / "means.npy"
        content = file.read_bytes()
        match change:
            case "cut":
                file.write_bytes(content[:-1])
            case "deleted":
                file.unlink()
            case _:
                file.with_name("more").write_bytes(b"")
        with pytest.raises(DataError, match="are not those"):
            model.load(saved)
        file.write_bytes(content)
    (saved / "command.json").write_text("{}")
    with pytest.raises(DataError, match="malformed"):
        model.load(saved)
    with pytest.raises(DataError, match="empty"):
        model.load(tmp_path / "empty")


def test_an_ensemble_of_programs_has_samples(model: Command, tmp_path: Path) -> None:
    fitted = Ensemble(model, members=2, bootstrap=True).fit(*images(tmp_path, 12), 3, np.random.default_rng(0), 1)
    assert fitted.samples(images(tmp_path, 3, seed=1)[0], np.random.default_rng(0)).shape == (2, 3, 3)


def test_the_task_says_what_the_page_says(tmp_path: Path) -> None:
    script = (
        "import pathlib, shutil, sys\n"
        f"shutil.copytree(sys.argv[-1], {str(tmp_path / 'seen')!r})\n"
        "assert sys.argv[1:3] == ['--vectors', 'x; rm *'] and sys.argv[3] == 'train'"
    )
    (tmp_path / "look.py").write_text(script)
    inputs, targets = images(tmp_path, 3)
    Command((sys.executable, str(tmp_path / "look.py"), "--vectors", "x; rm *")).fit(
        inputs, targets, 3, np.random.default_rng(0), threads=2
    )
    task = json.loads((tmp_path / "seen" / "task.json").read_text())
    assert set(task) == {"step", "model", "classes", "seed", "threads", "format"}
    assert (task["step"], task["classes"], task["threads"]) == ("train", 3, 2)
    lines = (tmp_path / "seen" / "images.csv").read_text().splitlines()
    assert lines[0] == "data_hash,path,label"
    assert lines[2].startswith('hash-0-1,"')
    assert lines[2].endswith(",2")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('no GPU')", "failed with exit code 1; it said:\nno GPU"),
        ("print('only this'); sys.exit(7)", "failed with exit code 7; it said:\nonly this"),
        ("os.kill(os.getpid(), 9)", "failed with signal 9; it said nothing"),
        ("time.sleep(60)", r"was stopped: it took more than 0.01 minutes \(model.minutes\)"),
        ("pass", "neither predictions.csv nor predictions.parquet"),
        ("write([]); open('predictions.parquet', 'w')", "two predictions files"),
        (
            "write([['hash-0-0', .5, .5]])",
            "1 of the predictions for 2 images cannot be used:\n  hash-0-1: has no row in predictions.csv",
        ),
        (
            "write([['hash-0-0', .5, .6], ['hash-0-1', 1, 0]])",
            "hash-0-0: line 2 of predictions.csv: has prob.* sum to 1.1",
        ),
        ("write([['hash-0-0', 'nan', 1], ['hash-0-1', 1, 0]])", "1 of the .*\n  hash-0-0: line 2 of"),
        (
            "write([['hash-0-0', 1, 0], ['hash-0-0', 1, 0]])",
            "hash-0-0: line 3 of predictions.csv: its image has probabilities already, in row 1",
        ),
    ],
)
def test_what_a_program_does_wrong_is_said(body: str, message: str, tmp_path: Path) -> None:
    script = f"""
import csv, os, sys, time
os.chdir(sys.argv[-1])
def write(rows):
    with open("predictions.csv", "w") as file:
        csv.writer(file).writerows([["data_hash", "p_0", "p_1"], *rows])
if sys.argv[-2] == "predict":
    {body}
"""
    (tmp_path / "wrong.py").write_text(script)
    inputs, targets = images(tmp_path, 2)
    model = Command((sys.executable, str(tmp_path / "wrong.py")), minutes=1)
    fitted = model.fit(inputs, targets // 2, 2, np.random.default_rng(0), threads=1)
    if "sleep" in body:
        object.__setattr__(model, "minutes", 0.01)
    with pytest.raises(ConfigError, match=message):
        fitted.predict_proba(inputs)


def test_of_many_wrong_predictions_the_first_are_told_and_the_others_counted() -> None:
    error = BadPredictions({f"hash-{i}": f"sums to {i}" for i in range(2, 42)}, 50)
    lines = str(error).splitlines()
    assert lines[0] == "40 of the predictions for 50 images cannot be used:"
    assert lines[1:] == [*(f"  hash-{i}: sums to {i}" for i in range(2, 7)), "  and 35 more"]


def test_a_program_that_is_not_there_is_said_before_a_run() -> None:
    with pytest.raises(ConfigError, match="there is no program 'no-such-program'"):
        Command(("no-such-program",))


def test_a_stopped_program_takes_its_children_with_it(tmp_path: Path) -> None:
    script = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(60)
"""
    (tmp_path / "slow.py").write_text(script)
    with pytest.raises(ConfigError, match="was stopped"):
        fit(Command((sys.executable, str(tmp_path / "slow.py")), minutes=0.1), tmp_path)
    state, deadline = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat"), monotonic() + 20
    while _runs(state) and monotonic() < deadline:  # the signal was sent; on a busy machine it takes a moment
        sleep(0.05)
    assert not _runs(state)


def _runs(state: Path) -> bool:
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
