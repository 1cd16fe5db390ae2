"""What a platform that keeps client metadata has to do."""

# ruff: noqa: D102 - the name of a test is what it promises

from __future__ import annotations

from typing import Any

from alrun.errors import TooLarge
from alrun.platform.port import KeepsMetadata
from alrun.platform.testing.case import NOWHERE, PlatformCase
from alrun.platform.writes import InitialiseLabels, SetMetadata
from alrun.types import TaskRef

NESTED = {"site": {"id": 7, "tags": ["a", None]}, "list": [1, 2.5], "camera": "right", "none": None}


class MetadataContract(PlatformCase):
    """How client metadata are read and changed, where the platform keeps any."""

    def keeper(self) -> KeepsMetadata:
        """Return the platform as one that keeps client metadata; skip the test if it is none."""
        import pytest

        if not isinstance(self.platform, KeepsMetadata):
            pytest.skip("this platform keeps no client metadata")
        return self.platform

    def metadata(self, *places: int) -> list[dict[str, Any]]:
        """Return what the images at these places of the listing have."""
        names = [ref.data_hash for ref in self.refs(*places)]
        found = self.keeper().metadata(names)
        return [found[name] for name in names]

    def give(self, refs: tuple[TaskRef, ...], *after: dict[str, Any]) -> None:
        """Change client metadata from what they are now."""
        before = self.keeper().metadata([ref.data_hash for ref in refs])
        self.keeper().set_metadata(SetMetadata(refs, tuple(before[ref.data_hash] for ref in refs), after))

    def test_metadata_are_read_as_the_listing_shows_them(self) -> None:
        listed = [dict(task.metadata) for task in self.platform.tasks()]
        assert self.metadata() == listed
        assert {"camera": "left", "night": True} in listed

    def test_images_that_the_project_has_not_are_absent(self) -> None:
        known = self.refs(0)[0].data_hash
        assert self.keeper().metadata([NOWHERE, known]).keys() == {known}
        assert self.keeper().metadata([]) == {}

    def test_what_is_set_is_there_whole_and_the_listing_shows_what_is_scalar(self) -> None:
        refs = self.refs(1, 2)
        self.give(refs, NESTED, {"blur": 0.25, "class": "<b>é</b>"})
        assert self.metadata(1, 2) == [NESTED, {"blur": 0.25, "class": "<b>é</b>"}]
        shown = [task.metadata for task in self.platform.tasks([ref.data_hash for ref in refs])]
        assert shown == [{"camera": "right"}, {"blur": 0.25, "class": "<b>é</b>"}]

    def test_a_key_that_is_set_to_none_has_no_value(self) -> None:
        self.give(self.refs(1), {"mine": 1, "theirs": 2})
        self.give(self.refs(1), {"mine": None, "theirs": 2})
        (now,) = self.metadata(1)
        assert (now.get("mine"), now["theirs"]) == (None, 2)
        assert self.platform.tasks([self.refs(1)[0].data_hash])[0].metadata == {"theirs": 2}

    def test_setting_metadata_touches_nothing_else(self) -> None:
        refs = self.initialised()
        tasks, labels, tags = self.state()
        self.give(refs, *({"number": number} for number, _ in enumerate(refs)))
        after = self.state()
        assert [task.fingerprint() for task in after[0]] == [task.fingerprint() for task in tasks]
        assert after[1:] == (labels, tags)

    def test_a_reference_from_before_its_label_row_will_do(self) -> None:
        refs = self.refs(0)
        self.platform.write(InitialiseLabels(refs))
        self.give(refs, {"number": 0})
        assert self.metadata(0) == [{"number": 0}]

    def test_a_request_that_names_a_task_twice_or_one_that_is_not_there_is_refused(self) -> None:
        one, other = self.refs(0, 1)
        nobody = TaskRef(NOWHERE, NOWHERE, None)
        keeper, change = self.keeper(), ({"number": 1},) * 2
        now = keeper.metadata([one.data_hash, other.data_hash])
        before = (now[one.data_hash], now[other.data_hash])
        for refs in ((one, one), (other, nobody)):
            with self.refused():
                keeper.set_metadata(SetMetadata(refs, before, change))

    def test_more_images_than_one_request_takes_are_too_many(self) -> None:
        many = self.platform.limits.metadata + 1
        with self.refused(TooLarge):
            self.keeper().metadata([NOWHERE] * many)
        refs = (self.refs(0)[0],) * many
        with self.refused(TooLarge):
            self.keeper().set_metadata(SetMetadata(refs, ({},) * many, ({},) * many))
