"""What was written is read again, whatever a kill, another process or a bad disk did meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.embeddings.base import Vectors
from alrun.embeddings.gathering import gathered
from alrun.embeddings.store import VectorStore

WIDTH = 3
MOST = 24


def vector(number: int, width: int = WIDTH) -> npt.NDArray[np.float32]:
    return np.random.default_rng(number).standard_normal(width, dtype=np.float32)


def block(numbers: list[int]) -> tuple[list[str], Vectors]:
    return [f"{number:032x}" for number in numbers], np.stack([vector(number) for number in numbers])


def everything(store: VectorStore) -> dict[int, npt.NDArray[np.float32]]:
    """Return the vectors of all numbers that the store has, as float32."""
    wanted = {f"{number:032x}" for number in range(MOST)}
    found: dict[int, npt.NDArray[np.float32]] = {}
    for start, digests in store.kept(wanted):
        rows = store.mapped()
        assert rows is not None
        found |= {int(name, 16): np.asarray(rows[row], np.float32) for row, name in enumerate(digests, start)}
    return found


def assert_right(found: dict[int, npt.NDArray[np.float32]]) -> None:
    for number, row in found.items():
        np.testing.assert_array_equal(row, vector(number))


numbers = st.lists(st.integers(0, MOST - 1), min_size=1, max_size=5, unique=True)


@settings(max_examples=40)
@given(st.lists(numbers, min_size=1, max_size=6), st.sampled_from([np.float32, np.float16]))
def test_what_is_appended_in_any_order_is_found_again(appended: list[list[int]], dtype: type[np.float32]) -> None:
    with TemporaryDirectory() as folder:
        mapped = []
        for some in appended:
            digests, vectors = block(some)
            store = VectorStore(Path(folder), "identity")  # each by a process of its own
            store.append(digests, vectors.astype(dtype))
            rows = store.mapped()
            assert rows is not None
            assert rows.dtype == dtype
            mapped.append((rows, rows.copy()))
        found = everything(VectorStore(Path(folder), "identity"))
        assert set(found) == {number for some in appended for number in some}
        for number, row in found.items():
            np.testing.assert_array_equal(row, vector(number).astype(dtype))
        for rows, before in mapped:
            np.testing.assert_array_equal(rows, before)  # what a process has mapped stays as it is


@settings(max_examples=60)
@given(
    st.lists(numbers, min_size=1, max_size=4),
    st.sampled_from(["vectors.bin", "index.jsonl"]),
    st.one_of(
        st.tuples(st.just("cut"), st.floats(0, 1)), st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True))
    ),
    numbers,
)
def test_a_torn_or_damaged_file_costs_what_it_held_and_nothing_wrong_is_read(
    appended: list[list[int]], name: str, damage: tuple[str, float], more: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        store = VectorStore(Path(folder), "identity")
        for some in appended:
            store.append(*block(some))
        file = Path(folder) / name
        content = bytearray(file.read_bytes())
        at = int(damage[1] * len(content))
        if damage[0] == "cut":
            del content[at:]
        else:
            content[at] ^= 0x40
        file.write_bytes(content)
        assert_right(everything(store))
        store.append(*block(more))
        found = everything(store)
        assert_right(found)
        assert set(more) <= set(found)
        if damage[0] == "flip":  # one line or one block at most
            lost = {number for some in appended for number in some} - set(found)
            assert any(lost <= set(some) for some in appended)


def test_a_torn_tail_costs_its_own_block_only(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, "identity")
    store.append(*block([0, 1]))
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    store.append(*block([2, 3]))
    after = {file: file.read_bytes() for file in tmp_path.iterdir()}
    vectors, index = tmp_path / "vectors.bin", tmp_path / "index.jsonl"
    for rows in range(len(before[vectors]), len(after[vectors]) + 1):  # rows come first, then the index
        for line in (len(before[index]), len(after[index]) - 2):
            vectors.write_bytes(after[vectors][:rows])
            index.write_bytes(after[index][:line])
            assert set(everything(store)) == {0, 1}
            store.append(*block([4]))
            found = everything(store)
            assert set(found) == {0, 1, 4}
            assert_right(found)


def test_lines_of_another_identity_are_not_believed(tmp_path: Path) -> None:
    VectorStore(tmp_path, "identity").append(*block([0, 1]))
    other = VectorStore(tmp_path, "other")
    assert everything(other) == {}
    assert other.mapped() is None


READER = (
    "import sys; from pathlib import Path; from alrun.embeddings.store import VectorStore\n"
    "from tests.embeddings.test_store import MOST, assert_right, everything\n"
    "store, found = VectorStore(Path(sys.argv[1]), 'identity'), {}\n"
    "print('ready', flush=True)\n"
    "while len(found) < MOST:\n"
    "    found = everything(store); assert_right(found)"
)


def test_another_process_reads_while_one_writes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", READER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        store = VectorStore(tmp_path, "identity")
        for number in range(MOST):
            store.append(*block([number]))
        assert reader.wait(60) == 0


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["<f4", "<f2", "<f8", "<i4"])), min_size=1, max_size=3),
    st.data(),
)
def test_gathered_rows_are_the_same_bits_in_memory_and_on_disk(
    kinds: list[tuple[int, str]], data: st.DataObject
) -> None:
    rng = np.random.default_rng(0)
    parts = [(rng.standard_normal((size, WIDTH)) * 9).astype(dtype) for size, dtype in kinds]
    every = np.concatenate([np.zeros((0, WIDTH), np.float32), *(part.astype(np.float32) for part in parts)])
    start = data.draw(st.integers(0, len(every)))
    rows = np.arange(start, data.draw(st.integers(start, len(every))))
    if len(every) and data.draw(st.booleans()):
        rows = np.array(data.draw(st.lists(st.integers(0, len(every) - 1), max_size=12)), np.int64)
    with TemporaryDirectory() as folder:
        for large in (1, 2**30):
            found = gathered(parts, rows, Path(folder), large)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, every[rows])
            assert list(Path(folder).iterdir()) == []
