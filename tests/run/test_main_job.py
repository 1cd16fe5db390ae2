"""What a whole run promises: everything selected is labelled, everything else is back, and it can be repeated."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from alrun.errors import ConfigError
from tests.run.harness import platform_of, play, record, result, selection, stages

POOL = 1437  # digits less the held-out ones


@pytest.mark.parametrize("recipe", ["documented", "park", "move", "priority"])
def test_the_selection_is_labelled_and_every_other_task_is_back(recipe: str, tmp_path: Path, cache: Path) -> None:
    assert play(tmp_path, cache, "budget=50", f"recipe={recipe}") == 0

    platform = platform_of(tmp_path / "project.sqlite")
    assert stages(platform) == {"Annotate 1": POOL - 50, "Complete": 50}
    chosen = {row["data_hash"] for row in selection(tmp_path)}
    done = {task.data_hash for task in platform.tasks() if task.priority is None}
    assert chosen == done
    labels = platform.labels([t.label_hash for t in platform.tasks() if t.data_hash in chosen and t.label_hash])
    assert len(labels) == 50
    assert not any(label.empty for label in labels.values())
    assert record(tmp_path)["status"] == "done"
    planned = 50 if recipe == "priority" else POOL  # only what is written to
    assert result(tmp_path)["account"] == {
        "selected_complete": 50,
        "selected_in_review": 0,
        "selected_waiting": 0,
        "others_back": planned - 50,
        "others_elsewhere": 0,
        "gone": 0,
    }


@pytest.mark.parametrize("budget", [1, POOL, POOL + 1])
def test_any_budget_leaves_every_task_accounted_for(budget: int, tmp_path: Path, cache: Path) -> None:
    assert play(tmp_path, cache, f"budget={budget}", "strategy=random", "metrics=random") == 0

    selected = min(budget, POOL)
    expected = {"Annotate 1": POOL - selected, "Complete": selected}
    assert stages(platform_of(tmp_path / "project.sqlite")) == {k: v for k, v in expected.items() if v}
    assert len(selection(tmp_path)) == selected
    notes = " ".join(record(tmp_path)["notes"])
    assert (f"the budget of {budget} is above the {POOL} candidates: all were selected" in notes) == (budget > POOL)


def test_classes_that_nobody_has_labelled_yet_are_named(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="alrun")
    assert play(tmp_path, cache, "strategy=random", "metrics=random", "budget=12") == 0
    counts = result(tmp_path)["counts"]
    unseen = [digit for digit in "0123456789" if digit not in counts]
    assert 0 < len(unseen) <= 5
    named = ", ".join(map(repr, unseen))
    said = f"no image is labelled {named} yet: the model cannot predict {len(unseen)} of the 10 classes"
    assert said in caplog.text


def test_an_empty_pool_is_said_and_moves_nothing(tmp_path: Path, cache: Path) -> None:
    nothing = "filters.all=[{stage: [Complete]}]"
    assert play(tmp_path, cache, nothing, "strategy=random", "metrics=random") == 0

    assert stages(platform_of(tmp_path / "project.sqlite")) == {"Annotate 1": POOL}
    removed = (
        f"no task is ready to be labelled ({POOL} in the project): the filters removed all (stage is Complete: {POOL})"
    )
    assert removed in record(tmp_path)["notes"][0]
    assert selection(tmp_path) == []


def test_the_same_command_gives_the_same_bytes_and_another_seed_gives_others(tmp_path: Path, cache: Path) -> None:
    rounds = ("strategy=entropy", "rounds=2", "budget=30", "initial.size=40")
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        assert play(tmp_path / name, cache, *rounds, f"seed={seed}") == 0

    for file in ("selection.csv", "curve.csv"):
        one, two, three = ((tmp_path / name / file).read_bytes() for name in ("one", "two", "three"))
        assert one == two
        assert one != three


def test_two_strategies_share_split_and_initial_set(tmp_path: Path, cache: Path) -> None:
    for strategy in ("random", "margin"):
        play(tmp_path / strategy, cache, f"strategy={strategy}", "budget=20", "initial.size=30")

    first, second = (selection(tmp_path / strategy) for strategy in ("random", "margin"))
    assert [r for r in first if r["round"] == "0"] == [r for r in second if r["round"] == "0"]
    assert [r for r in first if r["round"] == "1"] != [r for r in second if r["round"] == "1"]
    curves = [(tmp_path / strategy / "curve.csv").read_text().splitlines() for strategy in ("random", "margin")]
    assert curves[0][:2] == curves[1][:2]  # the header and the initial evaluation


def test_a_strategy_that_needs_a_model_begins_with_an_initial_set_and_says_so(tmp_path: Path, cache: Path) -> None:
    play(tmp_path, cache, "strategy=margin", "budget=25")

    assert [len([r for r in selection(tmp_path) if r["round"] == n]) for n in ("0", "1")] == [25, 25]
    assert "the strategy needs a model: the run begins with an initial set of 25" in record(tmp_path)["notes"][0]


def test_planning_writes_nothing_to_the_platform(tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project.sqlite"
    play(tmp_path / "first", cache, f"platform.path={project}", "budget=10")
    before = _dump(project)

    assert play(tmp_path / "second", cache, f"platform.path={project}", "budget=10", "action=plan") == 0

    assert _dump(project) == before
    assert (tmp_path / "second" / "rounds" / "01" / "plan.json").exists()
    assert record(tmp_path / "second")["status"] == "planned"


def test_a_project_in_a_file_goes_on_where_the_last_run_ended(tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project.sqlite"
    for name in ("first", "second"):
        assert play(tmp_path / name, cache, f"platform.path={project}", "budget=40", "strategy=margin") == 0

    labelled = [
        (tmp_path / name / "curve.csv").read_text().splitlines()[-1].split(",")[1] for name in ("first", "second")
    ]
    assert labelled == ["80", "120"]  # the first begins with an initial set, the second has labels to train on
    hashes = [row["data_hash"] for name in ("first", "second") for row in selection(tmp_path / name)]
    assert len(set(hashes)) == len(hashes) == 120


def test_an_oracle_that_errs_mislabels_the_same_images_for_every_strategy(tmp_path: Path, cache: Path) -> None:
    wrong: list[set[str]] = []
    for strategy in ("random", "diversity"):
        folder = tmp_path / strategy
        play(folder, cache, f"strategy={strategy}", f"budget={POOL}", "annotator.error_rate=0.1")
        platform = platform_of(folder / "project.sqlite")
        tasks = {t.label_hash: t.data_hash for t in platform.tasks() if t.label_hash}
        truth = platform.truth(list(tasks.values()))
        labels = platform.labels(list(tasks))
        wrong.append({tasks[row] for row, label in labels.items() if label != truth[tasks[row]]})

    assert wrong[0] == wrong[1]
    assert 0.05 * POOL < len(wrong[0]) < 0.15 * POOL


def test_images_without_known_labels_are_refused_before_anything_moves(tmp_path: Path, cache: Path) -> None:
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(6):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(folder / f"{i}.png")
    unlabelled = ("dataset=folder", f"dataset.path={folder}", "dataset.classes=[cat,dog]", "dataset.test_size=0")

    with pytest.raises(ConfigError, match="does not know the label of 6 of the 6 images"):
        play(tmp_path / "run", cache, *unlabelled, "budget=2", "strategy=random", "metrics=random")

    assert stages(platform_of(tmp_path / "run" / "project.sqlite")) == {"Annotate 1": 6}


def _dump(project: Path) -> list[str]:
    with sqlite3.connect(project) as connection:
        return list(connection.iterdump())
