"""What every model does with its inputs: check them, number the classes that occur, go through them in blocks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from alrun.errors import DataError
from alrun.models.base import Array

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_CHECKED_ROWS = 4096


def check_embeddings(inputs: Array, features: int | None = None) -> None:
    """Check that `inputs` is float32 of shape (N, D), D >= 1, and finite.

    Parameters
    ----------
    features
        The D that a model was fitted with; None accepts any.

    Raises
    ------
    DataError
        With the rows at fault where single rows are.
    """
    if inputs.dtype != np.float32 or inputs.ndim != 2 or inputs.shape[1] == 0:
        raise DataError(f"the model takes embeddings, float32 of shape (N, D); given {_describe(inputs)}")
    if features is not None and inputs.shape[1] != features:
        raise DataError(
            f"the model was fitted on embeddings with {features} features; given {inputs.shape[1]}: "
            "use the embedding that it was fitted with, or fit it again"
        )
    bad = [
        start + np.flatnonzero(~np.isfinite(inputs[start : start + _CHECKED_ROWS]).all(axis=1))
        for start in range(0, len(inputs), _CHECKED_ROWS)
    ]
    if bad:
        check_rows(np.concatenate(bad), "the embeddings hold NaN or infinite values")


def check_images(inputs: Array, size: int) -> None:
    """Check that `inputs` is uint8 of shape (N, `size`, `size`, 3).

    Raises
    ------
    DataError
        If it is not; the message says what was given.
    """
    if inputs.dtype != np.uint8 or inputs.ndim != 4 or inputs.shape[1:] != (size, size, 3):
        raise DataError(f"the model takes RGB images, uint8 of shape (N, {size}, {size}, 3); given {_describe(inputs)}")


def check_targets(targets: Array, rows: int, classes: int) -> None:
    """Check that `targets` is one integer in 0..`classes` - 1 for each of `rows` >= 1 examples.

    Raises
    ------
    DataError
        With the rows at fault where single rows are.
    """
    if classes < 1:
        raise DataError(f"a classifier needs at least one class; given {classes}")
    if targets.ndim != 1 or not np.issubdtype(targets.dtype, np.integer):
        raise DataError(f"targets are integers of shape (N,); given {_describe(targets)}")
    if len(targets) != rows:
        raise DataError(f"{rows} inputs, but {len(targets)} targets: one is needed for each")
    if rows == 0:
        raise DataError("nothing to fit on: label at least one image first")
    check_rows(np.flatnonzero((targets < 0) | (targets >= classes)), f"the targets are not in 0..{classes - 1}")


def check_rows(bad: npt.NDArray[np.intp], fault: str) -> None:
    """Raise DataError with `fault` and the first rows of `bad`, if there are any."""
    if len(bad):
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise DataError(f"{fault} in row {', '.join(map(str, bad[:5]))}{more}")


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let BLAS and OpenMP use `threads` threads within the block: at another number, last bits may differ."""
    with _libraries(len(sys.modules)).limit(limits=threads):
        yield


@lru_cache(maxsize=1)
def _libraries(_modules: int) -> ThreadpoolController:
    """Find the libraries with threads: that takes milliseconds, and there are no more until a module is imported."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def predict_in_blocks(
    predict: Callable[[Array], Array],
    inputs: Array,
    *,
    seen: tuple[int, ...],
    classes: int,
    block: int,
    workers: int = 1,
) -> npt.NDArray[np.float64]:
    """Return the probabilities of all `classes`, 0 for what is not in `seen`.

    `predict` always gets exactly `block` rows, the last block filled up with zeros, and returns
    (block, len(seen)): the kernels that a library chooses by shape are then the same for every call, so that
    a row's result does not depend on how many rows came with it. Memory is bounded by `block` for each worker.
    """
    result = np.zeros((len(inputs), classes))

    def fill(start: int) -> None:
        part = inputs[start : start + block]
        padded = np.zeros((block, *inputs.shape[1:]), inputs.dtype)
        padded[: len(part)] = part
        result[start : start + len(part), seen] = predict(padded)[: len(part)]

    starts = range(0, len(inputs), block)
    if workers == 1:
        for start in starts:
            fill(start)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(fill, starts))
    return result


def sample_in_blocks(
    sample: Callable[[Array], Array],
    inputs: Array,
    *,
    members: int,
    seen: tuple[int, ...],
    classes: int,
    block: int,
) -> npt.NDArray[np.float32]:
    """Return float32 (`members`, N, `classes`), 0 for what is not in `seen`.

    As :func:`predict_in_blocks`: `sample` always gets `block` rows and returns (`members`, block, len(seen)).
    """
    result = np.zeros((members, len(inputs), classes), np.float32)
    for start in range(0, len(inputs), block):
        part = inputs[start : start + block]
        padded = np.zeros((block, *inputs.shape[1:]), inputs.dtype)
        padded[: len(part)] = part
        result[:, start : start + len(part), seen] = sample(padded)[:, : len(part)]
    return result


def softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the softmax along the last axis, without overflow."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _describe(array: Array) -> str:
    return f"{array.dtype} of shape {array.shape}"
