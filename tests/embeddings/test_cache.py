"""Vectors that were computed once are kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from alrun.compute.local import Local
from alrun.embeddings.cache import EmbeddedImages, embed_all
from alrun.embeddings.pixels import Pixels
from alrun.embeddings.testing import example_images
from alrun.errors import BadImages, DataError
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


def blocks(cache: Path) -> int:
    return sum(line != "" for file in cache.rglob("index.jsonl") for line in file.read_text().split("\n"))


def test_a_second_run_computes_nothing_and_a_new_image_only_itself(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 12)
    one = Counting()
    vectors, computed = embed_all(one, images[:11], tmp_path, Local(4))
    assert computed == len(one.asked) == 11
    assert blocks(tmp_path) == 3
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
    (store,) = (tmp_path / "embeddings").iterdir()
    assert embed_all(Counting("other"), images, tmp_path)[1] == len(images)
    (foreign,) = set((tmp_path / "embeddings").iterdir()) - {store}
    shutil.copytree(foreign, store, dirs_exist_ok=True)  # of the same shape, in the wrong place
    assert embed_all(Counting(), images, tmp_path)[1] == len(images)


def test_no_images_give_no_rows(tmp_path: Path) -> None:
    vectors, computed = embed_all(Pixels(size=4), [], tmp_path)
    assert vectors.shape == (0, 16)
    assert computed == 0


CHILD = (
    "import sys; from pathlib import Path; from alrun.compute.local import Local\n"
    "from alrun.embeddings.cache import embed_all\n"
    "from alrun.embeddings.pixels import Pixels; from alrun.embeddings.testing import example_images\n"
    "folder = Path(sys.argv[1])\n"
    "vectors, computed = embed_all(Pixels(), example_images(folder / 'images', 40), folder, Local(4))\n"
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
    assert blocks(tmp_path) == 3
    images = example_images(tmp_path / "images", 40)
    assert embed_all(Pixels(), images, tmp_path, Local(4))[1] == 40 - 3 * 4


def test_a_kill_between_rows_and_index_leaves_nothing_to_believe(tmp_path: Path) -> None:
    killed = run_child(tmp_path, ALRUN_FAULTS="embeddings.before_index:3=kill")
    killed.communicate()
    assert killed.returncode == -9
    assert blocks(tmp_path) == 2
    images = example_images(tmp_path / "images", 40)
    vectors, computed = embed_all(Pixels(), images, tmp_path, Local(4))
    assert computed == 40 - 2 * 4
    np.testing.assert_array_equal(vectors, Pixels().embed(images))


def test_two_processes_at_once_agree(tmp_path: Path) -> None:
    example_images(tmp_path / "images", 40)
    children = [run_child(tmp_path) for _ in range(3)]
    answers = [child.communicate()[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len({found for _, found in answers}) == 1
    assert embed_all(Pixels(), example_images(tmp_path / "images", 40), tmp_path)[1] == 0


def test_images_that_cannot_be_decoded_are_named_together_and_the_others_are_kept(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 12)
    for row in (1, 2, 9):
        images[row].path.write_bytes(b"words")
    twin = ImageFile("twin", images[9].path, images[9].digest)
    with pytest.raises(BadImages) as caught:
        embed_all(Counting(), [*images, twin], tmp_path, Local(4))
    assert list(caught.value.reasons) == ["data-01", "data-02", "data-09", "twin"]
    again = Counting()
    good = [image for row, image in enumerate(images) if row not in (1, 2, 9)]
    vectors, computed = embed_all(again, good, tmp_path)
    assert (computed, again.asked) == (0, [])
    np.testing.assert_array_equal(vectors, Pixels(size=4).embed(good))


def test_bad_images_that_nobody_asked_for_end_the_run(tmp_path: Path) -> None:
    class Odd(Counting):
        def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:  # noqa: ARG002
            raise BadImages({"another": "lost"})

    with pytest.raises(BadImages, match="image another cannot be decoded: lost"):
        embed_all(Odd(), example_images(tmp_path / "images", 3), tmp_path)


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
        (np.zeros((2, 2), np.float32), r"shape \(2, 2\) for 3 images; expected float32 or float16 of shape \(3, D\)"),
        (np.zeros(3, np.float32), r"shape \(3,\)"),
        (np.zeros((3, 0), np.float32), r"shape \(3, 0\)"),
        (np.array([[1], [np.nan], [np.inf]], np.float32), "NaN or infinity for 2 images: data-01, data-02"),
    ],
)
def test_an_embedding_that_breaks_its_promise_is_not_believed(
    answer: npt.NDArray[np.generic], message: str, tmp_path: Path
) -> None:
    images = example_images(tmp_path / "images", 3)
    with pytest.raises(DataError, match=message):
        embed_all(Wrong(answer), images, tmp_path)
    assert blocks(tmp_path) == 0


def test_an_identity_that_means_two_widths_is_refused(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 6)
    embed_all(Wrong(np.zeros((3, 2), np.float32)), images[:3], tmp_path)
    with pytest.raises(DataError, match=r"returned float32 of width 5, but .* are float32 of width 2: one `identity`"):
        embed_all(Wrong(np.zeros((3, 5), np.float32)), images[3:], tmp_path)
    with pytest.raises(DataError, match=r"returned float16 of width 2, but"):
        embed_all(Wrong(np.zeros((3, 2), np.float16)), images[3:], tmp_path)


@dataclass(frozen=True)
class Halves(Counting):
    """Vectors that are kept as float16."""

    def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float16]:  # type: ignore[override]
        return super().embed(images).astype(np.float16)


@dataclass(frozen=True)
class LookedUp(Counting):
    """Vectors that nobody keeps."""

    cached: ClassVar[bool] = False


@pytest.mark.parametrize("kind", [Counting, Halves, LookedUp])
def test_a_run_gets_the_same_bits_wherever_its_vectors_are(kind: type[Counting], tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 30)
    names = [image.data_hash for image in images]
    expected = kind().embed(images).astype(np.float32)
    for large in (1, 2**30):
        run = EmbeddedImages(kind(), tmp_path, large)
        assert run.of([]).shape == (0, 16)
        for part in (slice(0, 9), slice(9, 9), slice(9, 30)):
            run.embed(images[part])
        assert names[29] in run
        assert "another" not in run
        for rows in (
            np.arange(30),
            np.arange(9),
            np.arange(9, 30),
            np.arange(29, -1, -3),
            np.array([4, 4]),
            np.arange(0),
        ):
            vectors = run.of([names[row] for row in rows])
            assert vectors.dtype == np.float32
            np.testing.assert_array_equal(vectors, expected[rows])
            assert vectors.flags.writeable == (vectors.nbytes < large)


def test_large_vectors_are_shown_where_they_are_kept_and_copied_to_disk_where_not(tmp_path: Path) -> None:
    images = example_images(tmp_path / "images", 30)
    names = [image.data_hash for image in images]
    run = EmbeddedImages(Counting(), tmp_path, large=1)
    run.embed(images)
    (kept,) = tmp_path.rglob("vectors.bin")
    files = set(tmp_path.rglob("*"))
    every, some = run.of(names), run.of(names[3:20])
    assert mapped_file(every) == mapped_file(some) == kept
    scattered = run.of(names[::2])
    assert mapped_file(scattered) not in (None, kept)
    assert run.of(names[::2]) is scattered
    assert set(tmp_path.rglob("*")) == files  # the copy has no name
    assert mapped_file(EmbeddedImages(Counting(), tmp_path).of([])) is None


def mapped_file(array: npt.NDArray[np.float32]) -> Path | None:
    """Return the file that an array shows; one without a name has the name of its folder and a number."""
    base: Any = array
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    return None if base is None else Path(str(base.filename))
