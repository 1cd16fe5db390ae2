"""The breast cancer table as images."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_breast_cancer

from alrun.datasets.base import Dataset
from alrun.datasets.importer import contents, import_dataset
from alrun.datasets.testing import DatasetContract
from alrun.datasets.wdbc import Wdbc
from alrun.embeddings.pixels import Pixels
from alrun.types import ImageFile


class TestWdbc(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:  # noqa: ARG002  nothing to make
        return Wdbc()

    def test_two_in_five_are_held_out_other_ones_for_another_seed(self, cache: Path) -> None:
        one, other = (contents(Wdbc(), cache, seed) for seed in (0, 1))
        assert (len(one.pool), len(one.held_out)) == (341, 228)
        diagnoses = [image.label.answer("diagnosis")[0] for image in one.held_out if image.label]
        assert (diagnoses.count("malignant"), diagnoses.count("benign")) == (85, 143)  # 40 % of 212 and 357
        assert {image.digest for image in one.held_out} != {image.digest for image in other.held_out}

    def test_pixels_have_the_distances_of_standardised_rows(self, cache: Path) -> None:
        """Up to rounding: 16/255 of them, no feature with more weight than another."""
        rows = import_dataset(Wdbc(), cache).rows
        features = load_breast_cancer().data
        deviations = (features - features.mean(axis=0)) / features.std(axis=0)
        names = [row.image.digest for row in rows]
        images = [ImageFile(name, cache / "images" / name[:2] / name, name) for name in names]
        found = Pixels(size=6).embed(images)
        assert len(found) == len(features)
        pairs = np.random.default_rng(0).integers(len(found), size=(2, 500))
        ours, theirs = (np.linalg.norm(table[pairs[0]] - table[pairs[1]], axis=1) for table in (found, deviations))
        np.testing.assert_allclose(ours * 255 / 16, theirs, atol=0.25)


def test_an_image_is_its_row() -> None:
    """56 + 16 z, a sixth line of black; nothing is cut off."""
    table = load_breast_cancer()
    deviations = (table.data - table.data.mean(axis=0)) / table.data.std(axis=0)
    for item, row, target in zip(Wdbc().items(), deviations, table.target, strict=True):
        pixels = np.asarray(Image.open(BytesIO(item.read())))
        assert pixels.shape == (6, 6)
        assert not pixels[5].any()
        assert np.abs((pixels[:5].ravel() - 56.0) / 16 - row).max() <= 1 / 32 + 1e-9
        assert item.label is not None
        assert item.label.answer("diagnosis") == (table.target_names[target],)
