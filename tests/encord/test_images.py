"""Images are asked for in bulk, downloaded once, and left out with a reason where they cannot be had."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from alrun.emulator import Fault, Policies
from alrun.errors import Unavailable
from alrun.files import digest
from alrun.platform.encord import images
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.local import LocalProject
from alrun.platform.port import NewImage
from alrun.platform.retry import Patience
from alrun.platform.store import ImageStore
from tests.encord.world import World, nothing

BULK = "POST storage/items/get-bulk"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "PATIENCE", Patience(first=0.001, deadline=0.2))


def hashes(platform: EncordPlatform) -> list[str]:
    return [task.data_hash for task in platform.tasks()]


def counted(world: World) -> tuple[int, int]:
    counts = world.emulator.log.counts()
    world.emulator.log.clear()
    return counts[BULK], counts["GET image"]


def test_the_addresses_come_in_one_request_and_a_second_run_downloads_nothing(world: World) -> None:
    first = world.open()
    names = hashes(first)
    world.emulator.log.clear()
    files, left_out = first.images(names)
    assert counted(world) == (1, len(names))
    assert not left_out
    second = world.open()
    second.tasks()
    counted(world)
    assert second.images(names) == (files, [])
    assert counted(world) == (0, 0)


def test_only_what_is_missing_is_downloaded(world: World) -> None:
    platform = world.open()
    names = hashes(platform)
    files, _ = platform.images(names[:4])
    files[0].path.unlink()
    world.emulator.log.clear()
    again, left_out = platform.images(names)
    assert counted(world) == (1, 3)
    assert [file.data_hash for file in again] == names
    assert not left_out
    assert all(digest(file.path.read_bytes()) == file.digest for file in again)


def test_an_index_that_a_kill_tore_costs_one_download(world: World) -> None:
    platform = world.open()
    names = hashes(platform)
    platform.images(names[:5])
    (index,) = world.cache.rglob("images.txt")
    index.write_bytes(index.read_bytes()[:-9])
    world.emulator.log.clear()
    assert not platform.images(names[:5])[1]
    assert counted(world) == (1, 1)
    assert not platform.images(names)[1]
    assert counted(world) == (1, 1)
    assert not platform.images(names)[1]
    assert counted(world) == (0, 0)


def test_an_address_that_expired_is_asked_for_anew(world: World) -> None:
    platform = world.open()
    names = hashes(platform)
    world.emulator.fail(Fault("GET image", "expired", times=2))
    world.emulator.log.clear()
    files, left_out = platform.images(names)
    assert ([file.data_hash for file in files], left_out) == (names, [])
    assert counted(world) == (2, len(names) + 2)


def test_addresses_that_never_work_are_given_up_with_the_reason(tmp_path: Path) -> None:
    with World(tmp_path, Policies(url_seconds=-1)) as world:
        platform = world.open()
        names = hashes(platform)
        files, left_out = platform.images(names)
        assert not files
        assert [out.name for out in left_out] == names
        assert "401 or 403" in left_out[0].reason
        assert world.emulator.log.counts()[BULK] == 1 + images.ASKED_AGAIN


def test_a_broken_download_is_tried_again_and_never_kept_half(world: World) -> None:
    platform = world.open()
    names = hashes(platform)
    world.emulator.fail(Fault("GET image", "half", times=2))
    world.emulator.fail(Fault("GET image", "cut", times=2))
    files, left_out = platform.images(names)
    assert ([file.data_hash for file in files], left_out) == (names, [])
    assert all(digest(file.path.read_bytes()) == file.digest for file in files)


def test_when_no_image_comes_at_all_the_platform_is_unavailable(world: World) -> None:
    platform = world.open()
    names = hashes(platform)
    world.emulator.fail(Fault("GET image", "status", status=503, times=1000))
    with pytest.raises(Unavailable, match="none came"):
        platform.images(names)


def test_an_image_that_is_not_stored_is_left_out_and_spoils_no_other(world: World) -> None:
    platform = world.open()
    names = hashes(platform)
    local = LocalProject(path=str(world.folder / "project.sqlite")).open(world.folder, nothing)
    (lost,), _ = local.images([names[2]])
    lost.path.unlink()
    local.close()
    files, left_out = platform.images(names)
    assert [file.data_hash for file in files] == names[:2] + names[3:]
    assert [out.name for out in left_out] == [names[2]]


def test_an_item_that_the_platform_refuses_spoils_no_other(world: World) -> None:
    """The SDK's bulk call fails as a whole if it may not see one item: it is asked in halves then."""
    platform = world.open()
    names = hashes(platform)
    local = LocalProject(path=str(world.folder / "project.sqlite")).open(world.folder, nothing)
    local.delete_tasks([local.tasks()[3].ref])
    local.close()
    files, left_out = platform.images(names)
    assert [file.data_hash for file in files] == names[:3] + names[4:]
    assert [out.name for out in left_out] == [names[3]]


def add(world: World, content: bytes, width: int, height: int) -> None:
    """Put a file into the project that is no image as the listing describes it."""
    local = LocalProject(path=str(world.folder / "project.sqlite")).open(world.folder, nothing)
    local.add_images([NewImage("odd", ImageStore(world.contents.store).put(content), width, height)])
    local.close()


def png(width: int, height: int) -> bytes:
    content = BytesIO()
    Image.new("1", (width, height)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "width", "height", "reason", "downloads"),
    [
        (b"no image", 4, 3, "not an image", 1),
        (png(400, 300), 400, 300, "400 x 300", 0),
        (png(400, 300), 4, 3, "400 x 300", 1),
        (png(20_000, 20_000), 4, 3, "too large", 1),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 4, 3, "not an image", 1),
        (b"x" * 2**21, 4, 3, "MiB", 1),
    ],
    ids=["garbage", "large", "large in secret", "bomb", "program", "long"],
)
def test_what_cannot_be_used_is_left_out_with_the_reason(
    content: bytes, width: int, height: int, reason: str, downloads: int, world: World
) -> None:
    add(world, content, width, height)
    platform = world.open(max_pixels=100_000, max_megabytes=1)
    odd = next(task.data_hash for task in platform.tasks() if task.title == "odd")
    files, left_out = platform.images([odd])
    assert not files
    assert reason in left_out[0].reason
    assert world.emulator.log.counts()["GET image"] == downloads
