"""What every platform has to do, as tests to inherit; a small project to do it with; and a faulty connection.

A platform passes by a class of a few lines in its own tests::

    class TestMine(PlatformContract):
        def create(self, contents: Contents, folder: Path) -> Platform:
            return MyPlatform(...)
"""

from __future__ import annotations

from alrun.platform.testing.case import LABEL, ONTOLOGY, PlatformCase, small_contents
from alrun.platform.testing.faulty import Faulty
from alrun.platform.testing.metadata import MetadataContract
from alrun.platform.testing.people import PeopleContract
from alrun.platform.testing.prelabels import PrelabelContract
from alrun.platform.testing.reads import ReadContract
from alrun.platform.testing.recipe import RecipeContract

__all__ = ["LABEL", "ONTOLOGY", "Faulty", "PlatformCase", "PlatformContract", "small_contents"]


class PlatformContract(ReadContract, RecipeContract, PeopleContract, MetadataContract, PrelabelContract):
    """Everything that a platform promises. Inherit it and override `create`."""
