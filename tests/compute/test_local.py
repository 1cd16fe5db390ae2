"""Work in this process, and what is said where other machines are wanted and cannot be had."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from alrun.compute.base import Compute
from alrun.compute.local import Local
from alrun.compute.ray import Ray
from alrun.compute.testing import ComputeContract
from alrun.embeddings.testing import example_images
from alrun.errors import ConfigError
from alrun.pool.unread import Unread
from tests.config.command import content, faults


class TestLocal(ComputeContract):
    def compute(self) -> Compute:
        return Local()


def test_a_part_is_at_hand_before_the_next_is_begun() -> None:
    begun: list[int] = []
    results = Local().map(begun.append, range(5))
    next(results)
    next(results)
    assert begun == [0, 1]


def test_ray_that_is_missing_is_named_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alrun.compute.cluster.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"compute=ray needs Ray: pip install 'alrun\[ray\]'"):
        Ray()
    assert [fault.key for fault in faults("compute=ray")] == ["compute"]


def test_a_cluster_that_does_not_answer_is_named() -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(ConfigError, match=f"compute=ray: no cluster at {address} .*refused.* Nothing was started"):
        list(Ray(address=address).map(abs, [1, -2]))


def test_where_it_is_computed_is_one_choice_for_a_sweep() -> None:
    assert content("compute.images=7")["compute"]["images"] == 7
    [fault] = faults("compute.images=7,8", multirun=True)
    assert "is one for all jobs of a sweep" in fault.message


def test_files_that_only_another_machine_lacks_are_no_bad_images(tmp_path: Path) -> None:
    images = example_images(tmp_path, 4)
    images[1].path.write_bytes(b"words")
    images[2].path.rename(tmp_path / "away")
    found = Unread.of(images, {"data-01": "no image", "data-02": "no file"})
    assert found.unseen == {"data-02"}
    found.check(images)  # nor is it here
    (tmp_path / "away").rename(images[2].path)
    with pytest.raises(ConfigError, match=rf"{found.where} does not see {images[2].path}, which is here"):
        found.check(images)
