"""Runs with predictions that were made elsewhere: from COCO files to the report, on a pool without any label."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from alrun.errors import ConfigError, DataError, Waiting
from tests.config.command import faults
from tests.datasets import pictures
from tests.run.harness import make_job, play, record, result, selection

IMAGES = 60
SIZE = (40, 30)
CATEGORIES = [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]


def write_coco(folder: Path) -> None:
    """Write images whose brightness decides whether their objects are found, labels, and results."""
    rng = np.random.default_rng(0)
    (folder / "images" / "night").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for i in range(IMAGES):
        light = (i + 1) / IMAGES
        pixels = (rng.integers(128, 256, (SIZE[1], SIZE[0], 3)) * light).astype(np.uint8)
        name = f"night/{i:02d}.png"
        (folder / "images" / name).write_bytes(pictures.encoded(Image.fromarray(pixels)))
        images.append({"id": 100 + i, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        for place in range(i % 3):  # every third image is empty
            box = [2 + 18 * place, 3, 12, 16]
            category = CATEGORIES[(i + place) % 2]["id"]
            where = {"image_id": 100 + i, "category_id": category, "bbox": box}
            annotations.append({"id": len(annotations) + 1, "iscrowd": 0, "area": box[2] * box[3], **where})
            if light > 0.4:
                results.append({**where, "score": round(0.3 + 0.6 * light, 3)})
    write_json(folder / "instances.json", {"categories": CATEGORIES, "images": images, "annotations": annotations})
    write_json(folder / "results.json", results)


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    write_coco(folder)
    return folder


def overrides(data: Path) -> tuple[str, ...]:
    return (
        "dataset=coco",
        f"dataset.images={data}/images",
        f"dataset.annotations={data}/instances.json",
        "dataset.test_size=6",
        "model=predictions",
        f"model.path={data}/results.json",
        f"model.instances={data}/instances.json",
        "metrics=[brightness,random]",
    )


def test_a_run_selects_by_objects_and_evaluates_them(data: Path, tmp_path: Path, cache: Path) -> None:
    assert play(tmp_path, cache, *overrides(data), "strategy=detection", "budget=5") == 0

    assert record(tmp_path)["status"] == "done"
    picks = selection(tmp_path)
    found = {row["image_id"]: row["score"] for row in json.loads((data / "results.json").read_text())}
    scores = [found[100 + int(row["title"][6:8])] for row in picks]
    assert len(scores) == 5
    assert scores == sorted(scores)  # all above .5, so that the lowest is the least certain
    assert picks[0]["reason"].startswith("mean entropy ")
    outcome = result(tmp_path)
    evaluation = outcome["evaluation"]
    assert evaluation["images"] == 6
    assert evaluation["precision"] == 1  # whatever was found is right, to the pixel
    assert evaluation["map"] == pytest.approx(evaluation["mar"], abs=0.01)
    assert outcome["quality"]["split"] == "held-out"
    assert {one["mutual_information"] for one in outcome["quality"]["importance"]} == {None}  # 5 images are too few
    assert [one["images"] for one in outcome["quality"]["importance"]] == [5, 5]
    with (tmp_path / "curve.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["map"]) == evaluation["map"]
    outcomes = pl.read_parquet(tmp_path / "evaluation.parquet")
    assert set(outcomes["title"]) < {f"night/{number:02d}.png" for number in range(IMAGES)}
    assert outcomes["split"].value_counts(sort=True).rows() == [("held-out", 6), ("labelled", 5)]
    assert (outcomes["tp"] + outcomes["fn"]).to_list() == outcomes["objects"].to_list()
    assert not [note for note in record(tmp_path)["notes"] if "replaced" in note]
    page = (tmp_path / "report.html").read_text()
    assert "mAP at IoU 0.5" in page
    assert "What goes with errors" in page
    assert json.loads((tmp_path / "model" / "imported.json").read_text())["images"] == IMAGES


def test_a_file_that_is_replaced_after_the_selection_is_told(data: Path, tmp_path: Path, cache: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_bytes((data / "results.json").read_bytes())
    folder = tmp_path / "run"
    config = (*overrides(data), f"model.path={mine}", "strategy=detection", "budget=5")
    with pytest.raises(Waiting):
        play(folder, cache, *config, "approve=prompt")
    rows = json.loads(mine.read_text())
    write_json(mine, [{**row, "score": row["score"] / 2} for row in rows])
    assert play(folder, cache, *config, "approve=auto", "action=resume", f"run={folder}") == 0
    (note,) = (note for note in record(folder)["notes"] if "was replaced after the selection" in note)
    assert note.startswith(f"round 1: {mine} was replaced")
    chosen = json.loads((folder / "rounds" / "01" / "choice.json").read_text())["predictions"]
    evaluated = json.loads((folder / "model" / "imported.json").read_text())["digest"]
    assert chosen != evaluated == result(folder)["predictions"]


def test_what_is_labelled_is_evaluated_where_nothing_is_held_out_and_the_errors_are_explained(
    data: Path, tmp_path: Path, cache: Path
) -> None:
    held_out = "dataset.test_size=0"
    strategy = ("strategy=random", "budget=60")
    assert play(tmp_path, cache, *overrides(data), held_out, *strategy) == 0

    outcome = result(tmp_path)
    assert (outcome["quality"]["split"], outcome["evaluation"]["images"]) == ("labelled", IMAGES)
    first, second = outcome["quality"]["importance"]
    assert first["metric"] == "brightness"  # dark images are where nothing is found
    assert first["spearman"] < -0.5
    assert abs(second["spearman"]) < 0.3
    found, missed = outcome["evaluation"]["confusion"][0][0], outcome["evaluation"]["confusion"][0][2]
    assert outcome["evaluation"]["recall"] == pytest.approx(found / (found + missed), abs=0.05)


def test_score_evaluates_without_selecting(
    data: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = f"platform.path={tmp_path}/project.sqlite"
    assert play(tmp_path / "run", cache, *overrides(data), platform, "strategy=random", "budget=10") == 0
    capsys.readouterr()
    assert play(tmp_path / "score", cache, *overrides(data), platform, "strategy=random", "action=score") == 0

    assert pl.read_parquet(tmp_path / "score" / "evaluation.parquet").height == 16
    assert not (tmp_path / "score" / "selection.csv").exists()


def test_a_wrong_file_stops_the_run_before_anything_moves(data: Path, tmp_path: Path, cache: Path) -> None:
    rows = json.loads((data / "results.json").read_text())
    rows[4]["score"], rows[9]["category_id"] = 4, 8
    write_json(tmp_path / "results.json", rows)
    with pytest.raises(DataError, match=r"2 of \d+ rows(.|\n)*row 5: score is 4(.|\n)*row 10: category_id is 8"):
        play(tmp_path / "run", cache, *overrides(data), f"model.path={tmp_path}/results.json", "strategy=detection")
    assert not list((tmp_path / "run" / "rounds").glob("*/plan.json"))
    with pytest.raises(DataError, match="there is no file"):
        play(tmp_path / "none", cache, *overrides(data), "model.path=nosuch.json", "strategy=random")
    assert not list((tmp_path / "none" / "rounds").glob("*/plan.json"))


def test_class_probabilities_choose_without_any_label(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ("dataset=digits", "metrics=[random]", "budget=20")
    assert play(tmp_path / "known", cache, *base, "strategy=random", "action=score", "model=none") == 0
    hashes = sorted(pl.read_parquet(tmp_path / "known" / "pool.parquet")["data_hash"].to_list())
    chances = np.random.default_rng(0).dirichlet(np.ones(10), len(hashes))
    names = make_job(tmp_path / "job", cache, *base).dataset.ontology().classes
    columns = {f"p_{name}": chances[:, i] for i, name in enumerate(names)}
    pl.DataFrame({"data_hash": hashes, **columns}).write_csv(tmp_path / "classes.csv")
    model = ("model=predictions", f"model.path={tmp_path}/classes.csv")
    assert play(tmp_path / "run", cache, *base, *model, "strategy=least_confidence") == 0

    picked = [row["data_hash"] for row in selection(tmp_path / "run")]
    assert picked == [hashes[row] for row in np.argsort(chances.max(axis=1), kind="stable")[:20]]
    assert result(tmp_path / "run")["quality"]["split"] == "labelled"
    assert result(tmp_path / "run")["evaluation"]["examples"] == 20
    (note,) = record(tmp_path / "run")["notes"]
    assert "predicts none of the 360 held-out images" in note
    said = " ".join(capsys.readouterr().out.split())
    assert "evaluated 20 labelled images, with the imported class probabilities" in said
    assert "chosen, not drawn" in said
    outcomes = pl.read_parquet(tmp_path / "run" / "evaluation.parquet")
    assert outcomes.columns == ["data_hash", "title", "split", "label", "predicted", "probability", "error"]
    with pytest.raises(ConfigError, match="holds class probabilities of images, not objects"):
        play(tmp_path / "other", cache, *base, *model, "strategy=detection")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("strategy=detection",), "finds no objects in images, which strategy=detection goes by"),
        (("strategy=detection", "model=none"), "strategy=detection needs a model"),
        (("model=predictions", "model.path=x.json", "action=train"), "is not trained, its predictions are imported"),
        (("model=predictions", "model.path=x.json", "strategy=bald"), "model"),
    ],
)
def test_what_does_not_fit_together_is_said_before_a_run(given: tuple[str, ...], message: str) -> None:
    (fault,) = faults(*given)
    assert fault.key == "model"
    assert message in f"{fault.key}: {fault.message}"


def test_an_initial_set_may_go_by_imported_predictions() -> None:
    assert faults("model=predictions", "model.path=x.json", "strategy@initial.strategy=detection") == []
