"""What models share that are made of other models: what they take, and a folder for each that was fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from alrun.errors import ConfigError, DataError, name_of
from alrun.files import digest, write_json
from alrun.models.base import Array, ImageModel, Model, Trained
from alrun.models.inputs import check_embeddings, check_images, check_targets

_FACTS = "members.json"


class Composite:
    """A model made of others, the `parts`; it takes what they take."""

    @property
    def parts(self) -> Mapping[str, Model]:
        """The models, by the name of the field that each is given in; at least one."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        for name, part in self.parts.items():
            if not isinstance(part, Model):  # predictions from a file are a choice of the same group
                raise ConfigError(f"{name}: {name_of(type(part))} cannot be fitted: choose a model that can")
        taken = {name: _takes(part) for name, part in self.parts.items()}
        if len(set(taken.values())) > 1:
            each = "; ".join(f"{name} takes {what}" for name, what in taken.items())
            raise ConfigError(f"its models must all take the same: {each}")

    @property
    def inputs(self) -> Literal["embeddings", "images", "files"]:
        """What the parts take; see :class:`alrun.models.base.Model`."""
        return self._first.inputs

    @property
    def image_size(self) -> int:
        """The size of images that the parts take, if they take images."""
        if not isinstance(self._first, ImageModel):
            raise ConfigError(f"{name_of(type(self._first))} takes images but has no field `image_size`: add it")
        return self._first.image_size

    @property
    def _first(self) -> Model:
        return next(iter(self.parts.values()))

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
class Wrapper(Composite):
    """A model whose field `member` is another model."""

    member: Model

    @property
    def parts(self) -> Mapping[str, Model]:
        """The member."""
        return {"member": self.member}


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


def load(folder: Path, kind: str, models: Sequence[Model]) -> tuple[Facts, tuple[Trained, ...]]:
    """Read what :func:`save` wrote, each member by its own of the `models`.

    Raises
    ------
    DataError
        If the folder holds nothing of this kind, another number of members, or something damaged.
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
    if facts.members != len(models):
        raise _unusable(folder, f"it has {facts.members} members, not {len(models)}")
    return facts, tuple(model.load(folder / f"member-{number}") for number, model in enumerate(models))


def _takes(model: Model) -> str:
    if model.inputs == "images" and isinstance(model, ImageModel):
        return f"images of {model.image_size} pixels a side"
    return model.inputs


def _unusable(folder: Path, fault: str) -> DataError:
    return DataError(f"no usable model in {folder}: {fault}; name a folder that this model was saved in")
