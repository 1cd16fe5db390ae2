"""Vectors that were computed once are kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from alrun.embeddings.cache import embed_all
from alrun.embeddings.pixels import Pixels
from alrun.embeddings.testing import example_images
from alrun.errors import DataError
from alrun.types import ImageFile, Scalar


@dataclass(frozen=True)
class Counting:
    """Pixels that remember what was asked of them."""

    cached: ClassVar[bool] = True
    name: str = "counting"
    asked: list[str] = field(default_factory=list)

    def identity(self) -> Mapping[str, Scalar]:
        return {"embedding": self.name}

    def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:
        self.asked.extend(image.data_hash for image in images)
        return Pixels(size=4).embed(images)


def files(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.npz"))


def test_a_second_run_computes_nothing_and_a_new_image_only_itself(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 12)
    one = Counting()
    vectors, computed = embed_all(one, images[:11], tmp_path, batch=4)
    assert computed == len(one.asked) == 11
    assert len(files(tmp_path)) == 3
    np.testing.assert_array_equal(vectors, Pixels(size=4).embed(images[:11]))
    again = Counting()
    order = [5, 11, 0, 3]
    vectors, computed = embed_all(again, [images[i] for i in order], tmp_path)
    assert (computed, again.asked) == (1, ["data-11"])
    np.testing.assert_array_equal(vectors, Pixels(size=4).embed([images[i] for i in order]))
    assert embed_all(Counting(), images, tmp_path)[1] == 0


def test_a_content_that_several_images_share_is_computed_once(tmp_path: Path) -> None:
    first, other = example_images(tmp_path / "images", 2)
    twin = ImageFile("twin", first.path, first.digest)
    embedding = Counting()
    vectors, computed = embed_all(embedding, [first, twin, other, first], tmp_path)
    assert (computed, embedding.asked) == (2, ["data-00", "data-01"])
    np.testing.assert_array_equal(vectors, Pixels(size=4).embed([first, first, other, first]))


def test_another_embedding_never_gets_these_vectors(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images")
    embed_all(Counting(), images, tmp_path)
    (shard,) = files(tmp_path)
    assert embed_all(Counting("other"), images, tmp_path)[1] == len(images)
    (foreign,) = set(files(tmp_path)) - {shard}
    shutil.copy(foreign, shard)  # of the same shape, in the wrong place
    assert embed_all(Counting(), images, tmp_path)[1] == len(images)


def test_no_images_give_no_rows(tmp_path: Path) -> None:
    vectors, computed = embed_all(Pixels(size=4), [], tmp_path)
    assert vectors.shape == (0, 16)
    assert computed == 0


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images")
    expected, _ = embed_all(Counting(), images, tmp_path)
    (shard,) = files(tmp_path)
    whole = shard.read_bytes()
    np.save(tmp_path / "array.npy", expected)
    damaged = [whole[:cut] for cut in range(0, len(whole), 97)]
    damaged += [whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :] for at in range(0, len(whole), 41)]
    for content in (*damaged, (tmp_path / "array.npy").read_bytes(), b"words"):
        shard.write_bytes(content)
        vectors, _ = embed_all(Counting(), images, tmp_path)
        np.testing.assert_array_equal(vectors, expected)
    assert embed_all(Counting(), images, tmp_path)[1] == 0


def test_a_pickle_in_the_cache_is_not_run(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 3)
    embed_all(Counting(), images, tmp_path)
    (shard,) = files(tmp_path)
    np.savez(shard, digests=np.array([images[0].digest, {}], object), identity="x", values=np.zeros((2, 16)))
    assert embed_all(Counting(), images, tmp_path)[1] == 3


CHILD = (
    "import sys; from pathlib import Path; from alrun.embeddings.cache import embed_all\n"
    "from alrun.embeddings.pixels import Pixels; from alrun.embeddings.testing import example_images\n"
    "folder = Path(sys.argv[1])\n"
    "vectors, computed = embed_all(Pixels(), example_images(folder / 'images', 40), folder, batch=4)\n"
    "print(computed, hash(vectors.tobytes()))"
)


def run_child(folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0", **environment},
    )


def test_a_kill_keeps_what_was_done(tmp_path: Path) -> None:
    killed = run_child(tmp_path, ALRUN_FAULTS="embeddings.kept:3=kill")
    killed.communicate()
    assert killed.returncode == -9
    assert len(files(tmp_path)) == 3
    images = example_images(tmp_path / "images", 40)
    assert embed_all(Pixels(), images, tmp_path, batch=4)[1] == 40 - 3 * 4


def test_two_processes_at_once_agree(tmp_path: Path) -> None:
    example_images(tmp_path / "images", 40)
    children = [run_child(tmp_path) for _ in range(3)]
    answers = [child.communicate()[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len({found for _, found in answers}) == 1
    assert embed_all(Pixels(), example_images(tmp_path / "images", 40), tmp_path)[1] == 0


@dataclass(frozen=True)
class Wrong:
    """An embedding that returns what it is told to."""

    cached: ClassVar[bool] = True
    answer: npt.NDArray[np.generic]

    def identity(self) -> Mapping[str, Scalar]:
        return {"embedding": "wrong"}

    def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:  # noqa: ARG002
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((3, 2)), "returned float64 of shape"),
        (np.zeros((2, 2), np.float32), r"shape \(2, 2\) for 3 images; expected float32 of shape \(3, D\)"),
        (np.zeros(3, np.float32), r"shape \(3,\)"),
        (np.array([[1], [np.nan], [np.inf]], np.float32), "NaN or infinity for 2 images: data-01, data-02"),
    ],
)
def test_an_embedding_that_breaks_its_promise_is_not_believed(
    answer: npt.NDArray[np.generic], message: str, tmp_path: Path
) -> None:
    images = example_images(tmp_path / "images", 3)
    with pytest.raises(DataError, match=message):
        embed_all(Wrong(answer), images, tmp_path)
    assert files(tmp_path) == []
