"""Masks in COCO's two ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.models.masks import BadMask, box_around, box_mask, read_mask


@settings(max_examples=80)
@given(st.integers(1, 12), st.integers(1, 9), st.data())
def test_masks_survive_cocos_text(width: int, height: int, data: st.DataObject) -> None:
    from pycocotools import mask

    pixels = np.array(
        data.draw(st.lists(st.integers(0, 1), min_size=width * height, max_size=width * height)), np.uint8
    )
    encoded = mask.encode(np.asfortranarray(pixels.reshape(height, width)))
    text = encoded["counts"].decode()
    found = read_mask({"size": [height, width], "counts": text}, width, height)
    assert found == encoded
    cut = data.draw(st.integers(0, max(0, len(text) - 1)))
    with pytest.raises(BadMask):
        read_mask({"size": [height, width], "counts": text[:cut]}, width, height)


def test_polygons_reach_no_further_than_the_image() -> None:
    from pycocotools import mask

    found = read_mask([[-1e8, -1e8, 1e8, -1e8, 1e8, 1e8, -1e8, 1e8]], 20, 10)
    assert mask.area(found) == 200


def test_a_box_is_the_mask_of_its_rectangle_and_the_other_way_round() -> None:
    assert box_mask([2, 3, 5, 4], 20, 10) == read_mask([[2, 3, 7, 3, 7, 7, 2, 7]], 20, 10)
    assert box_around(box_mask([2, 3, 5, 4], 20, 10)) == [2, 3, 5, 4]
    assert box_around(read_mask({"size": [10, 20], "counts": [200]}, 20, 10))[2:] == [0, 0]
