"""Embedding and predicting on a real cluster of two machines: the same bytes, and little is lost with a machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from alrun.compute.base import Compute
from alrun.compute.cluster import disconnect
from alrun.compute.ray import Ray
from alrun.compute.testing import ComputeContract, noted
from alrun.compute.threads import LIBRARIES, thread_limits
from alrun.embeddings.cache import embed_all
from alrun.embeddings.pixels import Pixels
from alrun.embeddings.testing import example_images
from alrun.errors import BadImages, ConfigError, StateError
from alrun.types import ImageFile, Scalar
from tests.run.harness import play

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start a cluster of a head that takes no tasks, and two machines with one processor each."""
    with pytest.MonkeyPatch.context() as patch:
        files = tempfile.mkdtemp(prefix="alrun-ray-")  # short: the names of its sockets may have 107 bytes
        patch.setenv("RAY_TMPDIR", files)
        patch.setenv("RAY_AUTH_MODE", "disabled")
        from ray.cluster_utils import Cluster

        made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(2):
            made.add_node(num_cpus=1)
        try:
            yield made
        finally:
            disconnect()
            made.shutdown()
            shutil.rmtree(files, ignore_errors=True)


@pytest.fixture
def small(cluster: Any) -> Ray:
    """Return what sends small parts to the cluster."""
    return Ray(address=cluster.address, images=4, at_once=6)


class TestRay(ComputeContract):
    @pytest.fixture(autouse=True)
    def _use(self, small: Ray) -> None:
        self.small = small

    def compute(self) -> Compute:
        return self.small


@dataclass(frozen=True)
class Noting:
    """Pixels that note each image in a file, and are interrupted where a file says so: once, or always.

    `dies` names the image at which the process is killed.
    """

    cached: ClassVar[bool] = True
    notes: Path
    dies: str = ""
    always: bool = False
    pause: float = 0.0

    def identity(self) -> Mapping[str, Scalar]:
        return {"embedding": "noting"}

    def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:
        for image in images:
            again = (self.notes / image.data_hash).exists()
            with (self.notes / image.data_hash).open("a") as file:
                file.write("x")
            if image.data_hash == self.dies and (self.always or not again):
                os.kill(os.getpid(), 9)
        time.sleep(self.pause)
        return Pixels(size=4).embed(images)

    def counts(self) -> Counter[int]:
        """Return how many images were noted so often."""
        return Counter(len(path.read_text()) for path in self.notes.iterdir())


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def same(found: npt.NDArray[np.float32], images: Sequence[ImageFile]) -> bool:
    return found.tobytes() == Pixels(size=4).embed(images).tobytes()


def kept(cache: Path) -> bytes:
    (file,) = (cache / "embeddings").rglob("vectors.bin")
    return file.read_bytes()


def test_vectors_and_what_is_kept_are_the_same_bytes_and_a_bad_image_costs_its_own_row(
    tmp_path: Path, small: Ray
) -> None:
    images = example_images(tmp_path / "images", 30)
    for row in (0, 13, 29):
        images[row].path.write_bytes(b"words")
    good = [image for row, image in enumerate(images) if row not in {0, 13, 29}]
    answers = []
    for where, compute in (("here", None), ("there", small)):
        with pytest.raises(BadImages) as caught:
            embed_all(Pixels(size=4), images, tmp_path / where, compute)
        vectors, computed = embed_all(Pixels(size=4), good, tmp_path / where, Ray(address="nowhere:1", images=4))
        assert computed == 0  # all were kept: no cluster is asked
        answers.append((caught.value.reasons, vectors.tobytes(), kept(tmp_path / where)))
    assert answers[0] == answers[1]
    assert list(answers[0][0]) == ["data-00", "data-13", "data-29"]


def test_a_machine_that_is_lost_costs_what_it_was_at(cluster: Any, notes: Path, tmp_path: Path, small: Ray) -> None:
    images = example_images(tmp_path / "images", 80)
    embedding = Noting(notes, pause=0.3)
    lost = next(iter(cluster.worker_nodes))

    def lose() -> None:
        while len(list(notes.iterdir())) < 24:
            time.sleep(0.02)
        cluster.remove_node(lost, allow_graceful=False)

    thread = threading.Thread(target=lose)
    thread.start()
    try:
        vectors, computed = embed_all(embedding, images, tmp_path, small)
    finally:
        thread.join()
        cluster.add_node(num_cpus=1)
    assert computed == 80
    assert same(vectors, images)
    assert kept(tmp_path) == vectors.tobytes()
    again = embedding.counts()
    assert set(again) <= {1, 2}
    assert again[2] <= 2 * small.images  # what it was at, and what had not left it


def test_a_process_that_is_killed_costs_its_part(notes: Path, tmp_path: Path, small: Ray) -> None:
    images = example_images(tmp_path / "images", 24)
    embedding = Noting(notes, dies="data-09")
    vectors, _ = embed_all(embedding, images, tmp_path, small)
    assert same(vectors, images)
    assert embedding.counts() == {1: 22, 2: 2}  # the part of 8 to 11 was at its second image


def test_a_part_that_always_kills_ends_the_run_and_what_came_before_is_kept(
    notes: Path, tmp_path: Path, small: Ray
) -> None:
    images = example_images(tmp_path / "images", 24)
    with pytest.raises(StateError, match=r"given up, its process or machine was lost too often .*compute\.images"):
        embed_all(Noting(notes, dies="data-09", always=True), images, tmp_path, replace(small, at_once=2, retries=1))
    healed = Noting(notes)
    vectors, computed = embed_all(healed, images, tmp_path, small)
    assert computed == 24 - 8
    assert same(vectors, images)


CHILD = (
    "import sys; from pathlib import Path; from alrun.compute.ray import Ray\n"
    "from alrun.embeddings.cache import embed_all; from alrun.embeddings.testing import example_images\n"
    "from tests.compute.test_ray import Noting\n"
    "folder = Path(sys.argv[1])\n"
    "compute = Ray(address=sys.argv[2], images=4, at_once=2)\n"
    "embed_all(Noting(folder / 'notes'), example_images(folder / 'images', 40), folder, compute)"
)


def test_a_kill_of_the_run_keeps_what_had_come(cluster: Any, notes: Path, tmp_path: Path, small: Ray) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), cluster.address],
        env={**os.environ, "ALRUN_FAULTS": "embeddings.kept:3=kill"},
    )
    assert killed.returncode == -9
    images = example_images(tmp_path / "images", 40)
    vectors, computed = embed_all(Noting(notes), images, tmp_path, small)
    assert computed == 40 - 3 * 4
    assert same(vectors, images)


@dataclass(frozen=True)
class OfItsProcess(Pixels):
    """An embedding that is another one in another process."""

    def identity(self) -> Mapping[str, Scalar]:
        return {**super().identity(), "torch": str(os.getpid())}


def test_a_machine_that_would_embed_differently_is_refused(tmp_path: Path, small: Ray) -> None:
    with pytest.raises(
        ConfigError, match=rf"would compute other vectors \(torch is '\d+' there and '{os.getpid()}' here"
    ):
        embed_all(OfItsProcess(), example_images(tmp_path / "images", 9), tmp_path, small)


def limits(_: int) -> dict[str, str]:
    return {name: os.environ.get(name, "") for name in LIBRARIES}


def send_on(folder: Path, number: int) -> int:
    return sum(Ray().map(partial(noted, folder), [number, number + 1]))


def test_jobs_that_take_the_whole_cluster_have_their_parts_done_there(tmp_path: Path, small: Ray) -> None:
    assert list(small.map(partial(send_on, tmp_path), [1, 3, 5])) == [1 + 4, 9 + 16, 25 + 36]


def test_libraries_use_one_thread(small: Ray) -> None:
    assert list(small.map(limits, range(2))) == [thread_limits(1)] * 2


def test_so_many_tasks_are_given_out_until_somebody_takes_a_result(small: Ray, tmp_path: Path) -> None:
    results = replace(small, at_once=2).map(partial(noted, tmp_path), range(9))
    assert next(results) == 0
    time.sleep(1)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}
    assert list(results) == [number**2 for number in range(1, 9)]


@pytest.mark.parametrize("model", ["logistic_regression", "cnn"])
def test_a_run_is_the_same_to_the_last_bit(
    model: str, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ["strategy=margin", "metrics=[random]", "budget=15", "initial.size=20", f"model={model}"]
    config += ["dataset.test_size=200", *(["model.epochs=2"] if model == "cnn" else [])]
    here, there = tmp_path / "here", tmp_path / "there"
    assert play(here, tmp_path / "cache here", *config) == 0
    mapped, sent = Ray.map, list[int]()

    def spied(self: Ray, work: Any, parts: Sequence[Any]) -> Iterator[Any]:
        sent.append(len(parts))
        return mapped(self, work, parts)

    monkeypatch.setattr(Ray, "map", spied)
    there_it_is = ["compute=ray", f"compute.address={cluster.address}", "compute.images=100"]
    assert play(there, tmp_path / "cache there", *config, *there_it_is) == 0
    assert sent.count(2) >= 2  # both evaluations
    assert sent.count(16) >= 1  # the candidates of the second round
    for name in ("selection.csv", "curve.csv"):
        assert (there / name).read_text() == (here / name).read_text()
    one, other = (pl.read_parquet(run / "predictions.parquet") for run in (here, there))
    assert one.equals(other)
