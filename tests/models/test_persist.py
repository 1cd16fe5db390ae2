from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun import faults
from alrun.errors import DataError
from alrun.models import persist
from alrun.models.testing import bomb

FACTS = persist.Facts("test", classes=4, seen=(0, 3), input_size=3, threads=2)
ARRAYS: dict[str, Any] = {"weights": np.arange(6.0).reshape(2, 3), "counts": np.array([1, 2])}


def test_returns_what_was_saved(tmp_path: Path) -> None:
    persist.save(tmp_path, FACTS, ARRAYS)
    saved = persist.load(tmp_path, "test")
    assert saved.facts == FACTS
    np.testing.assert_array_equal(saved.array("weights", "float64", (2, None)), ARRAYS["weights"])
    np.testing.assert_array_equal(saved.array("counts", "int64", (2,)), ARRAYS["counts"])


def test_saves_a_transposed_array_as_it_reads(tmp_path: Path) -> None:
    persist.save(tmp_path, FACTS, {"weights": ARRAYS["weights"].T})
    saved = persist.load(tmp_path, "test")
    np.testing.assert_array_equal(saved.array("weights", "float64", (3, 2)), ARRAYS["weights"].T)


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [("absent", "float64", (2, 3)), ("weights", "float32", (2, 3)), ("weights", "float64", (3, 2)),
     ("weights", "float64", (None,))],
)  # fmt: skip
def test_an_array_of_another_form_is_refused(
    name: str, dtype: str, shape: tuple[int | None, ...], tmp_path: Path
) -> None:
    persist.save(tmp_path, FACTS, ARRAYS)
    with pytest.raises(DataError, match=f"{name} is not {dtype} of shape"):
        persist.load(tmp_path, "test").array(name, dtype, shape)


def test_a_weight_that_is_no_number_is_refused(tmp_path: Path) -> None:
    persist.save(tmp_path, FACTS, {"weights": np.array([1, np.nan])})
    with pytest.raises(DataError, match="weights holds NaN"):
        persist.load(tmp_path, "test").array("weights", "float64", (2,))


@pytest.mark.parametrize("nth", [1, 2])
def test_a_folder_whose_writing_was_cut_short_is_refused(nth: int, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    faults.arm("files.before_replace", nth, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            persist.save(tmp_path, FACTS, ARRAYS)
    finally:
        faults.reset()
    with pytest.raises(DataError, match=r"model\.json: No such file"):
        persist.load(tmp_path, "test")


@settings(max_examples=200)
@given(data=st.data())
def test_one_flipped_bit_is_noticed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("model")
    persist.save(folder, FACTS, ARRAYS)
    path = folder / data.draw(st.sampled_from(["model.json", "model.safetensors"]))
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    try:
        saved = persist.load(folder, "test")
    except DataError:
        return
    assert path.name == "model.json"  # a changed space, which means nothing
    assert saved.facts == FACTS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seen": (3, 0)}, "not ascending in 0..3"),
        ({"seen": (0, 0)}, "not ascending"),
        ({"seen": (0, 4)}, "not ascending"),
        ({"seen": (-1, 0)}, "not ascending"),
        ({"seen": ()}, "facts.seen"),
        ({"classes": 0}, "facts.classes"),
        ({"threads": 0}, "facts.threads"),
        ({"input_size": "3"}, "facts.input_size"),
        ({"kind": "another"}, "kind 'another', not 'test'"),
    ],
)
def test_impossible_facts_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    persist.save(tmp_path, replace(FACTS, **change), ARRAYS)
    with pytest.raises(DataError, match=message):
        persist.load(tmp_path, "test")


@pytest.mark.parametrize("arrays", [b"", b"\xff" * 64, b"\x02" + bytes(7) + b"{}tail", bomb(Path("marker"))])
def test_arrays_that_are_no_safetensors_are_refused_though_the_digest_fits(arrays: bytes, tmp_path: Path) -> None:
    persist.save(tmp_path, FACTS, ARRAYS)
    path = tmp_path / "model.json"
    forged = json.loads(path.read_text()) | {"digest": persist._digest(FACTS, arrays)}
    path.write_text(json.dumps(forged))
    (tmp_path / "model.safetensors").write_bytes(arrays)
    with pytest.raises(DataError, match=r"no usable model in .*: model\.safetensors: "):
        persist.load(tmp_path, "test")


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    persist.save(tmp_path, FACTS, ARRAYS)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    with pytest.raises(DataError, match="format"):
        persist.load(tmp_path, "test")


def test_the_contract_s_bomb_is_live(tmp_path: Path) -> None:
    """Otherwise the contract would show nothing by its not going off."""
    marker = tmp_path / "marker"
    (tmp_path / "file").write_bytes(bomb(marker))
    np.load(tmp_path / "file", allow_pickle=True).close()
    assert marker.exists()
