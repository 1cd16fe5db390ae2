"""The model port: a configuration that can be fitted, and what comes out of fitting."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from alrun.errors import DataError

Array = npt.NDArray[Any]

SHOWN = 5
"""How many predictions that cannot be used are told in full."""


class BadPredictions(DataError):
    """Predictions that cannot be used.

    Attributes
    ----------
    reasons
        What is wrong with the predictions for an image, by its data hash; or by a row that names no image.
    count
        How many images there are.
    """

    def __init__(self, reasons: Mapping[str, str], count: int) -> None:
        super().__init__(told(reasons, count))
        self.reasons, self.count = dict(reasons), count


def told(reasons: Mapping[str, str], count: int, names: Mapping[str, str] | None = None) -> str:
    """Say what is wrong with predictions: the first few in full, with the name of the image if `names` has one."""
    lines = []
    for key, reason in islice(reasons.items(), SHOWN):
        name = (names or {}).get(key)
        lines.append(f"\n  {key if name is None else f'{name!r} (data hash {key})'}: {reason}")
    if len(reasons) > SHOWN:
        lines.append(f"\n  and {len(reasons) - SHOWN} more")
    return f"{len(reasons)} of the predictions for {count} images cannot be used:{''.join(lines)}"


@runtime_checkable
class Trained(Protocol):
    """A fitted classifier."""

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N, C); rows sum to 1; a class that was never seen gets 0."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into an existing, empty folder, in a format that runs no code when it is read."""
        ...


@runtime_checkable
class Sampled(Trained, Protocol):
    """A fitted classifier that knows more than one answer: a committee, or draws of its weights."""

    def samples(self, inputs: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return float32 of shape (K, N, C): the probabilities by each of K >= 1 members or draws of the weights.

        Rows sum to 1 (to 1e-5); a class that was never seen gets 0. A draw is one set of weights for all N rows, so
        that a row's samples do not depend on the rows beside it. The result is what takes memory: 4 K N C bytes.
        """
        ...


@runtime_checkable
class Model(Protocol):
    """A classifier's configuration: a frozen dataclass. Fitting never changes it.

    Attributes
    ----------
    inputs
        ``"embeddings"``: float32 of shape (N, D). ``"images"``: uint8 of shape (N, S, S, 3), RGB, where S is the
        field `image_size` that such a model has (see :class:`ImageModel`). ``"files"``: objects of shape (N,), each an
        :class:`alrun.types.ImageFile`.
    deterministic
        Optional: True says that fitting draws nothing at random, so that an ensemble of it has to be one of samples.
    """

    @property
    def inputs(self) -> Literal["embeddings", "images", "files"]: ...  # noqa: D102 -- the class says it

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> Trained:
        """Fit on N >= 1 examples.

        Parameters
        ----------
        inputs
            See the class.
        targets
            int64 of shape (N,), in 0..classes-1; any subset of the classes may occur, also a single one.
        classes
            C, the number of options in the ontology.
        threads
            How many threads to use; the result is reproducible for the same number.
        """
        ...

    def load(self, folder: Path) -> Trained:
        """Read what `Trained.save` wrote.

        Raises
        ------
        DataError
            If the folder does not hold a model of this kind, or one that could run foreign code.
        """
        ...


@runtime_checkable
class SampledModel(Model, Protocol):
    """A model that can be fitted to a :class:`Sampled`: it says how many samples that gives."""

    @property
    def samples(self) -> int: ...  # noqa: D102 -- the class says it


@runtime_checkable
class ImageModel(Model, Protocol):
    """A model that looks at images: it says at which size, in pixels a side."""

    @property
    def image_size(self) -> int: ...  # noqa: D102 -- the class says it
