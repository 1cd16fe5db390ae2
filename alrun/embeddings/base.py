"""The embedding port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from alrun.types import ImageFile, Scalar

Vectors = npt.NDArray[np.float32] | npt.NDArray[np.float16]


@runtime_checkable
class Embedding(Protocol):
    """Images to vectors. A frozen dataclass whose fields are its configuration.

    Attributes
    ----------
    cached
        Whether vectors are computed from an image's bytes, and kept under their digest. False for one that looks
        them up by data hash.
    """

    cached: ClassVar[bool]

    def identity(self) -> Mapping[str, Scalar]:
        """Return what the vectors depend on besides the image: name, version, parameters, input file digest."""
        ...

    def embed(self, images: Sequence[ImageFile]) -> Vectors:
        """Return float32 or float16 of shape (N, D), row i for `images[i]`; a row depends on its own image only.

        They are kept in the type they come in. For use they become float32.

        Raises
        ------
        BadImages
            If images cannot be had or decoded: it names all of them, and a run does without them.
        DataError
            If the input is wrong otherwise; that ends the run.
        """
        ...
