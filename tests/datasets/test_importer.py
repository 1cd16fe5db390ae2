"""The import: what gets into the image store, what is left out and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from alrun.datasets.base import Item, Split
from alrun.datasets.decode import Limits
from alrun.datasets.folder import Folder
from alrun.datasets.importer import contents, import_dataset
from alrun.datasets.sources import class_label, class_ontology
from alrun.errors import ConfigError, DataError
from alrun.files import digest
from alrun.platform.store import ImageStore
from alrun.types import Label, LeftOut, Ontology, Scalar
from tests.datasets import pictures


@dataclass(frozen=True)
class Given:
    """A dataset of what a test gives it, which remembers nothing."""

    entries: tuple[Item, ...]
    test_size: float = 0

    def identity(self) -> Mapping[str, Scalar]:
        return {"titles": repr([item.title for item in self.entries])}

    def ontology(self) -> Ontology:
        return class_ontology((), ("cat", "dog"), "the test")

    def items(self) -> Iterator[Item]:
        yield from self.entries

    def __len__(self) -> int:
        return len(self.entries)


def item(title: str, content: bytes, label: Label | None = None, split: Split | None = None) -> Item:
    return Item(title, lambda: content, label, split)


def raising(error: Exception) -> Callable[[], bytes]:
    def read() -> bytes:
        raise error

    return read


def reasons(left_out: tuple[LeftOut, ...]) -> dict[str, str]:
    return {out.name: out.reason for out in left_out}


def test_images_of_every_kind_are_imported_as_they_are(tmp_path: Path) -> None:
    kinds = pictures.kinds()
    imported = import_dataset(Given(tuple(item(name, content) for name, content in kinds.items())), tmp_path)
    assert imported.left_out == ()
    store = ImageStore(tmp_path / "images")
    for row in imported.rows:
        assert store.path(row.image.digest).read_bytes() == kinds[row.image.title]
    sizes = {row.image.title: (row.image.width, row.image.height) for row in imported.rows}
    assert list(sizes) == list(kinds)
    assert sizes["one_pixel.png"] == (1, 1)
    assert sizes["rotated.jpg"] == (16, 32)  # as it is shown, not as it is stored
    assert sizes["animated.gif"] == (6, 4)


def test_copies_with_different_labels_are_told_first_and_the_image_has_none(tmp_path: Path) -> None:
    one, two, three, four = (pictures.png(seed) for seed in range(4))
    cat, dog = class_label("cat"), class_label("dog")
    imported = import_dataset(
        Given((
            item("a", one, cat), item("words.png", b"no pixels"), item("b", one, dog), item("c", one, cat),
            item("plain", two), item("known", two, dog),
            Item("test", lambda: three, cat, "test"), item("other", three, dog),
            item("same", four, dog), item("same again", four, dog),
        )),
        tmp_path,
    )  # fmt: skip
    assert [(row.image.title, row.image.label) for row in imported.rows] == [("a", None), ("plain", dog), ("same", dog)]
    told = [(out.name, out.reason.partition(": which")[0]) for out in imported.left_out]
    assert told[:2] == [
        ("b", "the same content as 'a', but labelled 'dog', and that one 'cat'"),
        ("other", "the same content as 'test', but labelled 'dog', and that one 'cat'"),
    ]
    assert {name for name, _ in told[2:]} == {"words.png", "c", "known", "test", "same again"}


def test_each_bad_image_is_left_out_with_its_reason_and_the_rest_is_imported(tmp_path: Path) -> None:
    good = pictures.png(0)
    whole = pictures.encoded(pictures.noise(1, 64, 64), "JPEG")
    imported = import_dataset(
        Given((
            item("good", good),
            item("text.png", b"these are words, not pixels"),
            item("empty.png", b""),
            item("truncated.jpg", whole[: len(whole) // 2]),
            item("truncated.png", good[:-40]),
            item("header_only.png", good[:20]),
            item("bomb.png", pictures.bomb()),
            item("wide.png", pictures.bomb(9000)),
            item("float.tiff", pictures.encoded(pictures.noise(2).convert("F"), "TIFF")),
            item("program.eps", pictures.encoded(pictures.noise(2), "EPS")),
            item("copy", good),
            Item("missing", raising(FileNotFoundError(2, "No such file"))),
            Item("locked", raising(PermissionError(13, "Permission denied"))),
            Item("null", Path("a\0b").read_bytes),
            item("last", pictures.png(3)),
        )),
        tmp_path,
    )  # fmt: skip
    assert [row.image.title for row in imported.rows] == ["good", "last"]
    found = reasons(imported.left_out)
    assert found.pop("text.png").startswith("not a PNG, JPEG")
    assert found.pop("program.eps").startswith("not a PNG, JPEG")
    assert found.pop("empty.png") == "the file is empty"
    assert found.pop("bomb.png").startswith("too large")
    assert found.pop("wide.png") == "too large: 9000 x 9000 pixels, at most 64 megapixels"
    assert found.pop("float.tiff").startswith("pixels of kind 'F'")
    assert found.pop("copy") == "the same content as 'good'"
    assert found.pop("missing") == "missing: there is no such file"
    assert found.pop("locked") == "cannot be read: Permission denied"
    assert found.pop("null").startswith("cannot be read")
    assert {"truncated.jpg", "truncated.png", "header_only.png"} == set(found)
    assert all(reason.startswith(("damaged", "not a")) for reason in found.values())


@pytest.mark.parametrize("name", sorted(pictures.kinds()))
def test_no_damage_ends_the_import(name: str, tmp_path: Path) -> None:
    whole = pictures.kinds()[name]
    cut = [item(f"cut at {at}", whole[:at]) for at in range(1, len(whole), max(1, len(whole) // 25))]
    flipped = [
        item(f"flipped at {at}", whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        for at in range(0, min(len(whole), 200), 4)
    ]
    imported = import_dataset(Given((*cut, *flipped)), tmp_path)
    assert len(imported.rows) + len(imported.left_out) == len(cut) + len(flipped)


def test_limits_are_checked_before_an_image_is_read_or_decoded(tmp_path: Path) -> None:
    giant = Item("giant", raising(AssertionError("was read")), size=2000)
    unannounced = item("unannounced", pictures.encoded(pictures.noise(0, 40, 40), "BMP"))
    many_pixels = item("many pixels", pictures.png(1))
    imported = import_dataset(Given((giant, unannounced, many_pixels)), tmp_path, Limits(pixels=100, size=1000))
    assert imported.rows == ()
    assert all(reason.startswith("too large") for reason in reasons(imported.left_out).values())


def test_a_second_import_reads_no_image(tmp_path: Path) -> None:
    entries = (item("a", pictures.png(0), class_label("cat"), "pool"), item("bad", b"no"))
    first = import_dataset(Given(entries), tmp_path)
    unreadable = tuple(Item(entry.title, raising(AssertionError("was read"))) for entry in entries)
    assert import_dataset(Given(unreadable), tmp_path) == first
    assert first.rows[0].split == "pool"
    assert first.rows[0].image.label == class_label("cat")


def test_images_that_were_deleted_from_the_store_are_imported_again(tmp_path: Path) -> None:
    dataset = Given(tuple(item(str(i), pictures.png(i)) for i in range(3)))
    first = import_dataset(dataset, tmp_path)
    store = ImageStore(tmp_path / "images")
    store.path(first.rows[1].image.digest).unlink()
    assert import_dataset(dataset, tmp_path) == first
    assert store.path(first.rows[1].image.digest).read_bytes() == pictures.png(1)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"rows": [{}], "left_out": []}', '{"rows": 3}'])
def test_a_damaged_record_is_not_trusted(damage: str, tmp_path: Path) -> None:
    dataset = Given((item("a", pictures.png(0)),))
    first = import_dataset(dataset, tmp_path)
    (record,) = (tmp_path / "datasets").iterdir()
    record.write_text(damage)
    assert import_dataset(dataset, tmp_path) == first
    assert json.loads(record.read_bytes())


def test_a_file_that_a_power_cut_left_empty_is_written_again(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    path = store.path(store.put(b"content"))
    path.write_bytes(b"")
    store.put(b"content")
    assert path.read_bytes() == b"content"


def test_two_processes_that_import_at_once_agree(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for i in range(40):
        (images / str(i % 2)).mkdir(parents=True, exist_ok=True)
        (images / str(i % 2) / f"{i}.png").write_bytes(pictures.png(i))
    code = (
        "import sys; from pathlib import Path; from alrun.datasets.folder import Folder\n"
        "from alrun.datasets.importer import contents\n"
        "print(contents(Folder(Path(sys.argv[1])), Path(sys.argv[2]), 0).identity)"
    )
    command = [sys.executable, "-c", code, str(images), str(tmp_path / "cache")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(answers) == 1
    stored = [path for path in (tmp_path / "cache" / "images").rglob("*") if path.is_file()]
    assert len(stored) == 40
    assert all(digest(path.read_bytes()) == path.name for path in stored)


def labelled(count: int) -> tuple[Item, ...]:
    return tuple(item(str(i), pictures.png(i), class_label("cat" if i % 3 else "dog")) for i in range(count))


def test_the_datasets_own_split_wins_and_the_seed_divides_the_rest(tmp_path: Path) -> None:
    entries = labelled(12)
    decided = (
        item("test", pictures.png(100), class_label("cat"), "test"),
        item("pool", pictures.png(101), class_label("cat"), "pool"),
        item("unlabelled", pictures.png(102)),
    )
    for seed in range(3):
        split = contents(Given((*entries, *decided), test_size=6), tmp_path, seed)
        held_out = [image.title for image in split.held_out]
        assert "test" in held_out
        assert {"pool", "unlabelled"}.isdisjoint(held_out)
        assert len(held_out) == 7
        drawn = [image.label for image in split.held_out if image.title != "test"]
        assert drawn.count(class_label("dog")) == 2  # 4 of the 12 are dogs


def test_the_split_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    entries = labelled(12)
    one, other = (
        {image.title for image in contents(Given(order, test_size=5), tmp_path, 3).held_out}
        for order in (entries, entries[::-1])
    )
    assert one == other


def test_contents_have_the_same_identity_wherever_the_files_are(tmp_path: Path) -> None:
    for place in ("here", "there"):
        for i in range(4):
            folder = tmp_path / place / "ab"[i % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i}.png").write_bytes(pictures.png(i))
            os.utime(folder / f"{i}.png", (1, len(place)))
    here, there = (contents(Folder(tmp_path / place), tmp_path / "cache", 0) for place in ("here", "there"))
    assert here.identity == there.identity


def test_a_held_out_image_needs_a_label(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'a' is held out for the test by its dataset, but has no label"):
        contents(Given((item("a", pictures.png(0), None, "test"),)), tmp_path, 0)


def test_more_held_out_images_than_there_are_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only 3 labelled images"):
        contents(Given(labelled(3), test_size=4), tmp_path, 0)
    assert contents(Given(labelled(3), test_size=3), tmp_path, 0).pool == []


def test_a_dataset_without_any_good_image_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of the 1 images could be imported \(a: not a PNG"):
        contents(Given((item("a", b"words"),)), tmp_path, 0)
