"""What labels cost: by image, by object, or as a column says."""

from __future__ import annotations

import polars as pl
import pytest

from alrun.costs.column import Column
from alrun.costs.labels import Labels
from alrun.costs.objects import Objects
from alrun.errors import ConfigError, DataError
from alrun.types import Label, LabelledObject

BOX = LabelledObject("car", ((0.0, 0.0), (0.5, 0.5)))
LABELS = [Label(), Label(objects=(BOX,)), Label(objects=(BOX, BOX))]
TASKS = pl.DataFrame({"title": ["a", "b", "c"], "meta.minutes": ["1", "2.5", "0"], "area": [4.0, None, -1.0]})


def test_labels_and_objects_are_counted() -> None:
    assert Labels().of(TASKS, LABELS).tolist() == [1, 1, 1]
    assert Objects().of(TASKS, LABELS).tolist() == [0, 1, 2]
    assert Objects(image=0.5).of(TASKS, LABELS).tolist() == [0.5, 1.5, 2.5]
    assert (Labels().unit, Objects().unit, Column("x").unit) == ("labels", "objects", "minutes")


def test_a_column_of_client_metadata_is_read_as_numbers() -> None:
    assert Column("meta.minutes").of(TASKS, LABELS).tolist() == [1, 2.5, 0]


def test_a_missing_column_and_unusable_values_are_named() -> None:
    with pytest.raises(ConfigError, match=r"no column 'meta\.minuts'; did you mean 'meta.minutes'"):
        Column("meta.minuts").of(TASKS, LABELS)
    with pytest.raises(DataError, match=r"2 images in column 'area' is not known: 'b' has None, 'c' has -1\.0"):
        Column("area").of(TASKS, LABELS)
