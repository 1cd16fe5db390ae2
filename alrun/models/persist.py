"""Saved models: plain arrays in safetensors and one JSON file. Neither can hold code.

`model.json` says what the arrays are and carries a digest of both; it is written last, so that a folder whose
writing was cut short is refused. Pickle-based formats run code; skops, which does not, still hands a file's bytes
to scikit-learn's compiled trees unchecked, where a wrong child index reads foreign memory. Here each array's
type and shape is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, MinLen

from alrun.errors import DataError
from alrun.files import digest, write_bytes, write_json
from alrun.models.base import Array

_FACTS = "model.json"
_ARRAYS = "model.safetensors"


@dataclass(frozen=True)
class Facts:
    """What a saved model says about itself.

    Attributes
    ----------
    kind
        Which class wrote it, such as ``"random_forest"``.
    classes
        C, the number of columns that it predicts.
    seen
        The classes that it was fitted on, ascending; the others get probability 0.
    input_size
        The number of features of an embedding, or the side of an image in pixels.
    threads
        How many threads it was fitted with; it predicts with as many.
    """

    kind: str
    classes: Annotated[int, Ge(1)]
    seen: Annotated[tuple[int, ...], MinLen(1)]
    input_size: Annotated[int, Ge(1)]
    threads: Annotated[int, Ge(1)]


@dataclass(frozen=True)
class _Content:
    format: Literal[1]
    digest: str
    facts: Facts


@dataclass(frozen=True)
class Saved:
    """A saved model as it was read: its facts and its arrays, of which no shape is known yet."""

    folder: Path
    facts: Facts
    arrays: Mapping[str, Array]

    def array(self, name: str, dtype: str, shape: tuple[int | None, ...]) -> Array:
        """Return an array with this type, this shape (None fits any length) and no NaN or infinity.

        Raises
        ------
        DataError
            If there is no such array.
        """
        array = self.arrays.get(name)
        if array is None or array.dtype != dtype or not _fits(array.shape, shape):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise self.wrong(f"{name} is not {dtype} of shape ({wanted})")
        if not np.isfinite(array).all():
            raise self.wrong(f"{name} holds NaN or infinite values")
        return array

    def wrong(self, fault: str) -> DataError:
        """Return the error that says that this folder cannot be used."""
        return _unusable(self.folder, fault)


def save(folder: Path, facts: Facts, arrays: Mapping[str, Array]) -> None:
    """Write a model into an existing folder."""
    from safetensors.numpy import save as to_bytes

    # safetensors writes an array's buffer as it lies in memory, whatever its strides.
    content = to_bytes({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    write_bytes(folder / _ARRAYS, content)
    write_json(folder / _FACTS, asdict(_Content(1, _digest(facts, content), facts)))


def load(folder: Path, kind: str) -> Saved:
    """Read what :func:`save` wrote.

    Raises
    ------
    DataError
        If the folder holds no model, one of another kind, or one that is damaged.
    """
    from pydantic import TypeAdapter, ValidationError
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        content = TypeAdapter(_Content).validate_json((folder / _FACTS).read_bytes(), strict=True)
        data = (folder / _ARRAYS).read_bytes()
    except OSError as error:
        raise _unusable(folder, f"{error.filename}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _unusable(folder, f"{_FACTS}: {place + ': ' if place else ''}{first['msg']}") from error
    facts = content.facts
    if facts.kind != kind:
        raise _unusable(folder, f"it holds a model of kind {facts.kind!r}, not {kind!r}")
    if list(facts.seen) != sorted(set(facts.seen)) or facts.seen[0] < 0 or facts.seen[-1] >= facts.classes:
        raise _unusable(folder, f"{_FACTS}: facts.seen is not ascending in 0..{facts.classes - 1}")
    if _digest(facts, data) != content.digest:
        raise _unusable(folder, f"{_FACTS} and {_ARRAYS} were changed, or do not belong together")
    try:
        return Saved(folder, facts, from_bytes(data))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _unusable(folder, f"{_ARRAYS}: {error}") from error


def _digest(facts: Facts, arrays: bytes) -> str:
    return digest([asdict(facts), digest(arrays)])


def _fits(given: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(given) == len(wanted) and all(w in (None, g) for g, w in zip(given, wanted, strict=True))


def _unusable(folder: Path, fault: str) -> DataError:
    return DataError(f"no usable model in {folder}: {fault}; name a folder that this model was saved in")
