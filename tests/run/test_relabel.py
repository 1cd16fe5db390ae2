"""`strategy=relabel_suspects recipe=relabel`: wrong labels go back to the annotators, and everything else stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alrun import faults
from alrun.errors import ConfigError, DataError, Waiting
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.writes import Reopen, Submit
from alrun.run.actions import ACTIONS
from alrun.run.learning.cross_validation import folds
from alrun.seeds import generator
from alrun.types import Label
from tests.run.harness import QUICK, label, make_job, platform_of, play, queue, record, result, selection, stages
from tests.run.test_scoring import Even

POOL, BUDGET = 1437, 100
AGAIN = ("filters=labelled", "recipe=relabel", "strategy=relabel_suspects", "metrics=random", f"budget={BUDGET}")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Return a project in which everything is labelled, one image in ten wrongly."""
    project = tmp_path_factory.mktemp("noisy") / "project.sqlite"
    everything = (f"budget={POOL}", "strategy=random", "metrics=random", "annotator.error_rate=0.1")
    assert play(project.parent / "run", cache, f"platform.path={project}", *everything) == 0
    return project


@pytest.fixture
def project(noisy: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(noisy, tmp_path / "project.sqlite"))


def labels_of(platform: LocalPlatform) -> dict[str, Label]:
    rows = {t.label_hash: t.data_hash for t in platform.tasks() if t.label_hash}
    return {rows[row]: found for row, found in platform.labels(list(rows)).items()}


def wrong(platform: LocalPlatform) -> set[str]:
    labels = labels_of(platform)
    truth = platform.truth(list(labels))
    return {name for name, found in labels.items() if found != truth[name]}


def picked(folder: Path) -> list[str]:
    return [row["data_hash"] for row in selection(folder)]


def test_what_is_sent_back_is_mostly_wrong_and_right_afterwards(
    project: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = platform_of(project)
    before, labels, errors = platform.tasks(), labels_of(platform), wrong(platform)
    assert 0.08 * POOL < len(errors) < 0.12 * POOL

    assert play(tmp_path / "run", cache, *AGAIN, f"platform.path={project}") == 0

    suspects = set(picked(tmp_path / "run"))
    assert len(suspects) == BUDGET
    assert len(suspects & errors) > 0.8 * BUDGET  # at random it were one in ten
    assert wrong(platform) == errors - suspects
    assert stages(platform) == {"Complete": POOL}
    assert {h: found for h, found in labels_of(platform).items() if h not in suspects} == {
        h: found for h, found in labels.items() if h not in suspects
    }
    assert [t for t in platform.tasks() if t.data_hash not in suspects] == [
        t for t in before if t.data_hash not in suspects
    ]
    assert platform.tags() == {}
    assert result(tmp_path / "run")["account"]["selected_complete"] == BUDGET
    changed = len(suspects & errors)  # the oracle mends every error, and confirms what is right
    assert result(tmp_path / "run")["relabelled"] == {
        "changed": changed, "unchanged": BUDGET - changed, "untouched": 0,
    }  # fmt: skip
    said = " ".join(capsys.readouterr().out.split())
    assert f"sent back {BUDGET} labelled tasks" in said
    assert f"changed {changed} came back with another label" in said
    assert "restored" not in said


def test_the_first_label_errors_come_first_whatever_the_score(project: Path, tmp_path: Path, cache: Path) -> None:
    errors = wrong(platform_of(project))
    for method in ("normalized_margin", "confident_learning"):
        config = (*AGAIN, f"strategy.method={method}", "budget=40", "action=plan", f"platform.path={project}")
        assert play(tmp_path / method, cache, *config) == 0
        chosen = selection(tmp_path / method / "rounds" / "01")
        assert len({row["data_hash"] for row in chosen} & errors) > 35


def test_only_what_a_person_submitted_again_counts_as_labelled(project: Path, tmp_path: Path, cache: Path) -> None:
    """A mended label and one that was confirmed count; where nobody was, the label that is there does not."""
    config = (*AGAIN, f"platform.path={project}", "annotator=human", "budget=4")
    platform, folder = platform_of(project), tmp_path / "run"
    before = {task.data_hash: task for task in platform.tasks()}
    with pytest.raises(Waiting, match="0 of 4 labelled"):
        play(folder, cache, *config)
    suspects = picked(folder)
    assert queue(platform) == set(suspects)
    mended, confirmed, *_ = suspects
    label(platform, [mended])
    platform.act(Submit(tuple(task.ref for task in platform.tasks([confirmed])), "ann@team"))
    with pytest.raises(Waiting, match="2 of 4 labelled"):
        play(folder, cache, *config, "action=resume", f"run={folder}")

    assert play(folder, cache, *config, "action=restore", f"run={folder}") == 0

    after = {task.data_hash: task for task in platform.tasks()}
    assert stages(platform) == {"Review 1": 1, "Complete": POOL - 1}
    play(folder, cache, *config, "action=resume", f"run={folder}")
    assert result(folder)["relabelled"] == {"changed": 1, "unchanged": 1, "untouched": 2}
    assert set(result(folder)["labels"]) == {mended, confirmed}
    assert result(folder)["cost"] == 2
    assert all((after[h].stage, after[h].priority) == (before[h].stage, None) for h in suspects if h != confirmed)
    assert platform.tags() == {}


def test_a_task_that_somebody_mended_meanwhile_is_not_waited_for(project: Path, tmp_path: Path, cache: Path) -> None:
    """It was complete before and is complete now, but nobody has answered this run."""
    platform, folder = platform_of(project), tmp_path / "run"
    config = (*AGAIN, f"platform.path={project}", "annotator=human", "budget=4")

    def mend() -> None:
        (suspect,) = platform.tasks(picked(folder / "rounds" / "01")[:1])
        platform.write(Reopen((suspect.ref,)))
        label(platform, [suspect.data_hash])

    faults.arm("journal.before_finished", 1, mend)
    try:
        with pytest.raises(Waiting, match="0 of 3 labelled"):
            play(folder, cache, *config)
    finally:
        faults.reset()
    others = sorted(queue(platform))
    assert len(others) == 3
    label(platform, others)
    assert play(folder, cache, *config, "action=resume", f"run={folder}") == 0
    assert record(folder)["status"] == "done"


def test_the_next_round_asks_about_other_images(project: Path, tmp_path: Path, cache: Path) -> None:
    """Although the oracle, which errs alike each time, gives the same answers again."""
    config = ("rounds=2", "budget=30", "annotator.error_rate=0.1", f"platform.path={project}")
    errors = wrong(platform_of(project))
    assert play(tmp_path / "run", cache, *AGAIN, *config) == 0
    chosen = picked(tmp_path / "run")
    assert len(set(chosen)) == len(chosen) == 60
    assert wrong(platform_of(project)) == errors


@pytest.mark.parametrize(
    "where",
    [
        ("journal.after_intend", 2),
        pytest.param(("local.before_commit", 3), marks=pytest.mark.slow),
        pytest.param(("local.after_commit", 6), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_killed_and_resumed_it_ends_like_one_left_alone(
    where: tuple[str, int], project: Path, tmp_path: Path, cache: Path
) -> None:
    ends = []
    alone = Path(shutil.copy(project, tmp_path / "alone.sqlite"))
    assert play(tmp_path / "alone", cache, *AGAIN, f"platform.path={alone}") == 0
    config = [*QUICK, *AGAIN, f"cache={cache}", f"platform.path={project}", f"hydra.run.dir={tmp_path / 'run'}"]
    killed = _run([*config], tmp_path, f"{where[0]}:{where[1]}=kill")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = _run(["action=resume", f"run={tmp_path / 'run'}"], tmp_path, "")
    assert resumed.returncode == 0, resumed.stderr
    for path in (alone, project):
        platform = platform_of(path)
        ends.append(([(t.data_hash, t.stage, t.priority) for t in platform.tasks()], labels_of(platform)))
    assert ends[0] == ends[1]
    kept = [(tmp_path / name / "selection.csv").read_bytes() for name in ("alone", "run")]
    assert kept[0] == kept[1]


def _run(arguments: list[str], cwd: Path, armed: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, faults.ENVIRONMENT: armed}
    command = [sys.executable, "-m", "alrun", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def test_without_any_label_there_is_nothing_to_send_back(tmp_path: Path, cache: Path) -> None:
    assert play(tmp_path / "run", cache, *AGAIN) == 0
    assert stages(platform_of(tmp_path / "run" / "project.sqlite")) == {"Annotate 1": POOL}
    assert any("no task is ready" in note for note in record(tmp_path / "run")["notes"])


def test_one_label_is_too_few_to_find_errors_among(tmp_path: Path, cache: Path) -> None:
    project = f"platform.path={tmp_path / 'project.sqlite'}"
    assert play(tmp_path / "first", cache, project, "budget=1", "strategy=random", "metrics=random") == 0
    with pytest.raises(ConfigError, match="at least two"):
        play(tmp_path / "second", cache, *AGAIN, project)
    assert stages(platform_of(tmp_path / "project.sqlite")) == {"Annotate 1": POOL - 1, "Complete": 1}


def test_folds_are_even_within_each_class_and_depend_on_the_images_only() -> None:
    names = [f"{i:03}" for i in range(47)]
    targets = np.array([i % 3 if i else 9 for i in range(47)], np.int64)
    fold = folds(names, targets, generator(0, 1, "folds"))
    for members in (fold, *(fold[targets == c] for c in range(3))):
        counts = np.bincount(members, minlength=5)
        assert counts.max() - counts.min() <= 1
    order = np.random.default_rng(0).permutation(47)
    shuffled = folds([names[i] for i in order], targets[order], generator(0, 1, "folds"))
    np.testing.assert_array_equal(shuffled, fold[order])
    assert sorted(folds(["a", "b", "c"], np.array([0, 0, 1]), generator(0, 1, "folds"))) == [0, 1, 2]


def test_a_model_that_gives_no_probabilities_is_named(project: Path, tmp_path: Path, cache: Path) -> None:
    job = make_job(tmp_path / "run", cache, *QUICK, *AGAIN, f"platform.path={project}")
    said = r"(?s)^model=tests\.run\.test_scoring\.Even: 288 of .* sums to 1\.3; needed: 1"
    with pytest.raises(DataError, match=said):
        ACTIONS["run"](replace(job, model=Even(1.3)))
    assert stages(platform_of(project)) == {"Complete": POOL}
