"""What models share that are made of another model: what it takes, and a folder for each that was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from alrun.errors import ConfigError, DataError
from alrun.files import digest, write_json
from alrun.models.base import Array, ImageModel, Model, Trained
from alrun.models.inputs import check_embeddings, check_images, check_targets

_FACTS = "members.json"


@dataclass(frozen=True)
class Wrapper:
    """A model whose field `member` is another model; it takes what that takes."""

    member: Model

    def __post_init__(self) -> None:
        if not isinstance(self.member, Model):  # predictions from a file are a choice of the same group
            raise ConfigError(f"member: {type(self.member).__name__} cannot be fitted: choose a model that can")

    @property
    def inputs(self) -> Literal["embeddings", "images", "files"]:
        """What the member takes; see :class:`alrun.models.base.Model`."""
        return self.member.inputs

    @property
    def image_size(self) -> int:
        """The size of images that the member takes, if it takes images."""
        if not isinstance(self.member, ImageModel):
            raise ConfigError(f"{type(self.member).__name__} takes no images")
        return self.member.image_size

    def check(self, inputs: Array, targets: npt.NDArray[np.int64], classes: int) -> None:
        """Check what is to be fitted on as a whole, so that an error names its rows and not those of a part.

        Raises
        ------
        DataError
            If the inputs or targets are malformed.
        """
        if self.inputs == "embeddings":
            check_embeddings(inputs)
        elif self.inputs == "images":
            check_images(inputs, self.image_size)
        check_targets(targets, len(inputs), classes)


@dataclass(frozen=True)
class Facts:
    """What a saved folder says of its members; `temperature` is 1 unless they were calibrated."""

    kind: str
    members: Annotated[int, Ge(1)]
    temperature: Annotated[float, Gt(0)] = 1.0


@dataclass(frozen=True)
class _Content:
    format: Literal[1]
    digest: str
    facts: Facts


def save(folder: Path, kind: str, members: Sequence[Trained], temperature: float = 1.0) -> None:
    """Write fitted models into an existing folder, each into one of its own."""
    for number, member in enumerate(members):
        place = folder / f"member-{number}"
        place.mkdir()
        member.save(place)
    facts = Facts(kind, len(members), temperature)
    write_json(folder / _FACTS, asdict(_Content(1, digest(asdict(facts)), facts)))


def load(folder: Path, kind: str, member: Model) -> tuple[Facts, tuple[Trained, ...]]:
    """Read what :func:`save` wrote.

    Raises
    ------
    DataError
        If the folder holds nothing of this kind, or something damaged.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        content = TypeAdapter(_Content).validate_json((folder / _FACTS).read_bytes(), strict=True)
    except OSError as error:
        raise _unusable(folder, f"{error.filename}: {error.strerror}") from error
    except ValidationError as error:
        raise _unusable(folder, f"{_FACTS}: {error.errors(include_url=False)[0]['msg']}") from error
    facts = content.facts
    if facts.kind != kind or content.digest != digest(asdict(facts)):
        raise _unusable(folder, f"{_FACTS} is of another kind, or was changed")
    return facts, tuple(member.load(folder / f"member-{number}") for number in range(facts.members))


def _unusable(folder: Path, fault: str) -> DataError:
    return DataError(f"no usable model in {folder}: {fault}; name a folder that this model was saved in")
