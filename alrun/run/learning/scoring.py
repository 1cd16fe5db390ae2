"""What a trained model says of many images: predicted here, or wherever the run computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.errors import BadImages, DataError
from alrun.files import digest
from alrun.models.base import SHOWN, Array, BadPredictions, ImageModel, Model, Trained, told
from alrun.models.imported import ImportedModel
from alrun.models.prediction_rows import SUM_TOLERANCE
from alrun.parts import in_parts
from alrun.pool.images import load_pixels
from alrun.pool.unread import Unread
from alrun.progress import track
from alrun.run.job import choice
from alrun.run.learning.given import titles_of
from alrun.run.session import Session

Probabilities = npt.NDArray[np.float64]

_EXACT = 1e-6  # how far a sum may be from 1 that nobody rounded; float32 has more digits


def probabilities_of(
    session: Session,
    model: Model | ImportedModel,
    trained: Trained,
    data_hashes: Sequence[str],
    inputs: Callable[[], Array] | None = None,
) -> Probabilities:
    """Return the probabilities that `trained` gives to images that were fetched, float64 of shape (N, C).

    Elsewhere predict models that take embeddings or images, from what they save; a single part is done here.

    Parameters
    ----------
    inputs
        Returns what the model takes for these images, if that is needed otherwise too.

    Raises
    ------
    BadImages
        If images cannot be decoded; it names all of them.
    DataError
        If the predictions are no probabilities; it names the model and the first images.
    """
    compute = session.job.compute
    several = len(data_hashes) > compute.images
    try:
        if compute.elsewhere and several and isinstance(model, Model) and _is_alruns_to_read(model):
            return _usable(_elsewhere(session, model, trained, data_hashes), data_hashes)
        given = session.model_inputs(model, data_hashes) if inputs is None else inputs()
        return _usable(trained.predict_proba(given), data_hashes)
    except BadPredictions as error:
        names = titles_of(session, list(error.reasons)[:SHOWN])
        raise DataError(f"model={choice(model)}: {told(error.reasons, error.count, names)}") from error


def good_probabilities(
    session: Session, model: Model | ImportedModel, trained: Trained, data_hashes: Sequence[str]
) -> tuple[list[int], Probabilities]:
    """Return which of the images, by their place, can be had and decoded, and the probabilities of these."""
    return session.of_good_images(data_hashes, lambda here: probabilities_of(session, model, trained, here))


def _usable(found: Array, data_hashes: Sequence[str]) -> Probabilities:
    """Return probabilities as they are, those that were rounded scaled to sum 1; `BadPredictions` if they are none."""
    given = np.asarray(found, np.float64)
    if given.ndim != 2 or len(given) != len(data_hashes):
        fault = f"they have the shape {given.shape}; needed: one row an image, one column a class"
        raise BadPredictions({"all": fault}, len(data_hashes))
    sums = given.sum(axis=1)
    negative = given.min(axis=1, initial=0) < 0
    off = np.abs(sums - 1)
    wrong = np.flatnonzero(negative | ~(off <= SUM_TOLERANCE))  # ~: also of NaN
    if len(wrong):
        reasons = {data_hashes[row]: _fault(given[row]) for row in wrong.tolist()}
        raise BadPredictions(reasons, len(data_hashes))
    rounded = off > _EXACT
    if rounded.any():
        given = given / np.where(rounded, sums, 1)[:, None]
    return np.minimum(given, 1) if given.max(initial=0) > 1 else given  # by a last digit


def _fault(chances: Probabilities) -> str:
    if not np.isfinite(chances).all():
        return "has a probability that is not finite"
    return (
        f"has the probability {chances.min():.6g}" if chances.min() < 0 else f"sums to {chances.sum():.6g}; needed: 1"
    )


def _is_alruns_to_read(model: Model) -> bool:
    return model.inputs == "embeddings" or (model.inputs == "images" and isinstance(model, ImageModel))


def _elsewhere(session: Session, model: Model, trained: Trained, data_hashes: Sequence[str]) -> Probabilities:
    compute = session.job.compute
    images = [session.images[h] for h in data_hashes]
    given: Any = session.embeddings(data_hashes) if model.inputs == "embeddings" else images
    parts = in_parts(given, compute.images)
    work = partial(_predict, model, _Saved.of(model, trained))
    found: list[Probabilities] = []
    bad: dict[str, str] = {}
    for part in track(compute.map(work, parts), "predicting", len(parts)):
        if isinstance(part, Unread):
            part.check(images)
            bad |= part.reasons
        else:
            found.append(part)
    if bad:
        raise BadImages(bad)
    return np.concatenate(found)


@dataclass(frozen=True)
class _Saved:
    """The files of a saved model by their paths in its folder, and a digest of them and of its configuration."""

    digest: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, model: Model, trained: Trained) -> _Saved:
        with TemporaryDirectory(prefix="alrun-model-") as name:
            folder = Path(name)
            trained.save(folder)
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            files = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
        return cls(digest([repr(model), {path: digest(content) for path, content in files.items()}]), files)

    def load(self, model: Model) -> Trained:
        with TemporaryDirectory(prefix="alrun-model-") as name:
            for path, content in self.files.items():
                file = Path(name) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            return model.load(Path(name))


_loaded: dict[str, Trained] = {}
"""The model that this process predicted with last, by its digest: the next part is likely to want it too."""


def _predict(model: Model, saved: _Saved, part: Any) -> Probabilities | Unread:
    """Return the probabilities of embeddings, float32 of shape (N, D), or of image files."""
    if saved.digest not in _loaded:
        _loaded.clear()
        _loaded[saved.digest] = saved.load(model)
    trained = _loaded[saved.digest]
    if model.inputs == "embeddings" or not isinstance(model, ImageModel):
        return trained.predict_proba(part)
    try:
        return trained.predict_proba(load_pixels(part, model.image_size))
    except BadImages as error:
        return Unread.of(part, error.reasons)
