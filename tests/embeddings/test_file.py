"""Vectors that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from alrun.embeddings.base import Embedding
from alrun.embeddings.cache import embed_all
from alrun.embeddings.file import File
from alrun.embeddings.testing import EmbeddingContract
from alrun.errors import DataError
from alrun.types import ImageFile

Vectors = npt.NDArray[Any]


def parquet(folder: Path, names: Sequence[str], vectors: Vectors) -> File:
    frame = pl.DataFrame({"data_hash": names, "vector": vectors.tolist()}, schema_overrides={"data_hash": pl.String})
    frame.write_parquet(folder / "vectors.parquet")
    return File(folder / "vectors.parquet")


def npy(folder: Path, names: Sequence[str], vectors: Vectors) -> File:
    np.save(folder / "vectors.npy", vectors)
    (folder / "vectors.ids.txt").write_text("\n".join(names))
    return File(folder / "vectors.npy")


def image(name: str) -> ImageFile:
    return ImageFile(name, Path("not read"), "0" * 32)


class TestParquet(EmbeddingContract):
    def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:
        vectors = np.random.default_rng(0).random((len(images), 3))
        return parquet(folder, [image.data_hash for image in images], vectors)


class TestNpy(EmbeddingContract):
    def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:
        vectors = np.random.default_rng(0).random((len(images), 3))
        return npy(folder, [image.data_hash for image in images], vectors)


@pytest.mark.parametrize("write", [parquet, npy])
class TestEither:
    def test_vectors_are_found_by_data_hash(self, write: Any, tmp_path: Path) -> None:
        file = write(tmp_path, ["a", "b", "c"], np.array([[1.0, 2], [3, 4], [5, 6]]))
        assert file.embed([image("c"), image("a"), image("c")]).tolist() == [[5, 6], [1, 2], [5, 6]]

    def test_vectors_of_one_content_under_two_data_hashes_stay_apart(self, write: Any, tmp_path: Path) -> None:
        file = write(tmp_path, ["a", "b"], np.array([[1.0], [2.0]]))
        vectors, computed = embed_all(file, [image("a"), image("b")], tmp_path / "cache")
        assert vectors.tolist() == [[1], [2]]
        assert computed == 0
        assert not (tmp_path / "cache").exists()

    def test_missing_images_are_counted_and_named(self, write: Any, tmp_path: Path) -> None:
        file = write(tmp_path, ["a"], np.array([[1.0]]))
        with pytest.raises(DataError, match=r"no vector for 7 of 8 images: data hash 0, 1, 2, 3, 4$"):
            file.embed([*(image(str(i)) for i in range(7)), image("a")])

    @pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
    def test_a_number_that_is_none_in_float32_is_named_by_row(self, bad: float, write: Any, tmp_path: Path) -> None:
        file = write(tmp_path, ["a", "b", "c"], np.array([[1.0, 2], [3, bad], [bad, 4]]))
        with pytest.raises(DataError, match=r"in 1 rows, counted from 0: 1 \(b\)"):
            file.embed([image("a"), image("b")])
        assert file.embed([image("a")]).tolist() == [[1, 2]]

    def test_a_data_hash_that_occurs_twice_is_refused(self, write: Any, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="data hash a occurs more than once"):
            write(tmp_path, ["a", "b", "a"], np.eye(3)).embed([image("b")])

    def test_identity_follows_the_content(self, write: Any, tmp_path: Path) -> None:
        one = write(tmp_path, ["a"], np.array([[1.0]])).identity()
        assert one != write(tmp_path, ["a"], np.array([[2.0]])).identity()
        assert one != write(tmp_path, ["b"], np.array([[1.0]])).identity()


def test_a_path_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    np.save(tmp_path / "alone.npy", np.eye(2))
    for name, message in (
        ("vectors.csv", r"ends with \.parquet or \.npy"),
        ("gone.parquet", "there is no file"),
        ("alone.npy", r"there is no file .*alone\.ids\.txt"),
    ):
        with pytest.raises(DataError, match=message):
            File(tmp_path / name).identity()


def test_malformed_npy_files_are_explained(tmp_path: Path) -> None:
    for vectors, message in (
        (np.ones(3), r"shape \(N, D\), it is float64 of shape \(3,\)"),
        (np.array([["a"]]), "expected numbers"),
        (np.ones((2, 2)), "has 1 data hashes, but vectors.npy has 2 rows"),
    ):
        with pytest.raises(DataError, match=message):
            npy(tmp_path, ["a"], vectors).embed([])
    (tmp_path / "vectors.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"cannot be read as \.npy"):
        File(tmp_path / "vectors.npy").embed([])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"datahash": ["a"], "vector": [[1.0]]}, "no column 'data_hash': did you mean 'datahash'"),
        ({"data_hash": [1], "vector": [[1.0]]}, "must be text without gaps, it is Int64"),
        ({"data_hash": [None, "a"], "vector": [[1.0], [1.0]]}, "must be text without gaps"),
        ({"data_hash": ["a"], "vector": [1.0]}, "must hold lists of numbers, it is Float64"),
        ({"data_hash": ["a"], "vector": [["b"]]}, "must hold lists of numbers"),
        ({"data_hash": ["a", "b"], "vector": [[1.0], [1.0, 2.0]]}, "row 0, counted from 0, has 1, another has 2"),
        ({"data_hash": ["a", "b"], "vector": [[1.0], None]}, "row 1, counted from 0, has 0"),
        ({"data_hash": ["a"], "vector": [[]]}, "must hold lists of numbers"),
    ],
)
def test_malformed_parquet_files_are_explained(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "vectors.parquet")
    with pytest.raises(DataError, match=message):
        File(tmp_path / "vectors.parquet").embed([image("a")])
