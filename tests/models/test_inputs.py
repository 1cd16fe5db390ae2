from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.errors import DataError
from alrun.models.base import Array
from alrun.models.inputs import check_embeddings, limited_threads, predict_in_blocks, softmax


@given(rows=st.integers(0, 25), block=st.integers(1, 9), workers=st.sampled_from([1, 3]))
def test_blocks_are_full_and_cover_every_row_once(rows: int, block: int, workers: int) -> None:
    shapes = set()

    def predict(part: Array) -> Array:
        shapes.add(part.shape)
        return np.asarray(part * [1, 10])

    inputs = np.arange(1.0, rows + 1)[:, None]
    result = predict_in_blocks(predict, inputs, seen=(1, 3), classes=5, block=block, workers=workers)
    expected = np.zeros((rows, 5))
    expected[:, [1, 3]] = inputs * [1, 10]
    np.testing.assert_array_equal(result, expected)
    assert shapes <= {(block, 1)}


def test_a_fault_in_a_worker_is_raised() -> None:
    def predict(part: Array) -> Array:
        raise ZeroDivisionError(len(part))

    with pytest.raises(ZeroDivisionError):
        predict_in_blocks(predict, np.ones((3, 1)), seen=(0,), classes=1, block=2, workers=2)


def test_rows_are_named_across_blocks_and_counted() -> None:
    inputs = np.zeros((10_000, 2), np.float32)
    inputs[[3, 4096, 4097, 8000, 9000, 9998, 9999], 1] = np.nan
    with pytest.raises(DataError, match=r"in row 3, 4096, 4097, 8000, 9000 and 2 more$"):
        check_embeddings(inputs)


def test_softmax_by_hand_and_without_overflow() -> None:
    scores = np.array([[0, np.log(3)], [1e308, 1e308], [-1e300, 1e300]])
    expected = np.array([[0.25, 0.75], [0.5, 0.5], [0, 1]])
    np.testing.assert_allclose(softmax(scores), expected, rtol=1e-15)


def test_blas_threads_are_limited_and_given_back() -> None:
    from threadpoolctl import threadpool_info

    def counts() -> list[int]:
        return [library["num_threads"] for library in threadpool_info()]

    before = counts()
    assert before
    with limited_threads(1):
        assert set(counts()) == {1}
    assert counts() == before
