"""On a project that was made from no dataset nobody knows labels beforehand, and nothing acts as if."""

from __future__ import annotations

import pytest

from alrun.errors import ConfigError
from alrun.run.selection.looked_up import known_labels
from tests.encord.test_prelabel import session
from tests.encord.world import World


def test_a_filter_for_known_labels_says_that_there_are_none(world: World) -> None:
    platform = world.open()
    hashes = [task.data_hash for task in platform.tasks()]
    with pytest.raises(ConfigError, match=r"was not made from a dataset.*leave the predicate out"):
        known_labels(session(world, platform), hashes)
