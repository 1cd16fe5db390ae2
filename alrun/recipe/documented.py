"""The recipe of Encord's documentation, literally: its nine steps with its two tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import MinLen

from alrun.errors import ConfigError
from alrun.recipe.base import bring_back, drop_mirror, mirror
from alrun.recipe.plan import Plan, PlanFacts, make_plan, planned_tasks
from alrun.recipe.steps import AwaitLabels, Choose, CreateLabelRows, Park, Tag, Untag
from alrun.types import LeftOut, Pick, Snapshot, StageType, Task


@dataclass(frozen=True)
class Documented:
    """All candidates are completed, the selection is reopened, and after labelling the rest is reopened.

    Steps are numbered as on the page "Active Learning in Encord"; letters mark what the page leaves to the
    reader: creating label rows, mirroring what is parked, giving back what parking changed, and taking the
    tags off again. A task that had one of the tags before keeps it: the plan, not a tag, says what is moved. In
    step 9 the page picks out tasks by 'No class'; this recipe knows which tasks it parked, and reopens those
    that nobody touched.

    Attributes
    ----------
    unlabeled_tag, next_tag
        The tags of the page's steps 2 and 4. They must differ.

    Raises
    ------
    ConfigError
        If the two tags are the same.
    """

    takes: ClassVar[StageType] = StageType.ANNOTATION

    unlabeled_tag: Annotated[str, MinLen(1)] = "unlabeled"
    next_tag: Annotated[str, MinLen(1)] = "to label next"

    def __post_init__(self) -> None:
        if self.unlabeled_tag == self.next_tag:
            raise ConfigError(f"recipe.unlabeled_tag and recipe.next_tag are both {self.next_tag!r}: give each its own")

    def plan(
        self,
        snapshot: Snapshot,
        tasks: Sequence[Task],
        picks: Sequence[Pick],
        left_out: Sequence[LeftOut],
        facts: PlanFacts,
    ) -> Plan:
        """Return the plan; see :class:`alrun.recipe.base.Recipe`."""
        planned = planned_tasks(tasks, picks)
        everything = tuple(range(len(planned)))
        selection, rest = everything[: len(picks)], everything[len(picks) :]
        uninitialised = tuple(p for p in everything if planned[p].label_hash is None)
        named = tuple(p for p in everything if planned[p].data_hash not in snapshot.tags.get(self.unlabeled_tag, ()))
        chosen = tuple(p for p in selection if planned[p].data_hash not in snapshot.tags.get(self.next_tag, ()))
        steps = [
            Choose("1", "choose the tasks that are ready to be labelled", everything),
            Tag("2", f"tag them {self.unlabeled_tag!r}", named, self.unlabeled_tag),
            *mirror(snapshot, planned, everything, "2a", facts),
            Choose("3", "choose the selection among them", selection),
            Tag("4", f"tag the selection {self.next_tag!r}", chosen, self.next_tag),
            Choose("5", f"choose the tag {self.unlabeled_tag!r}", everything),
            CreateLabelRows("6a", "create the label rows that completing needs", uninitialised),
            Park("6", "mark them as complete for a while", everything),
            Choose("7", f"choose the tag {self.next_tag!r}", selection),
            *bring_back(snapshot, planned, selection, "8", "the selection"),
            AwaitLabels("9", "people label the selection", selection),
            *bring_back(snapshot, planned, rest, "9", "the rest"),
            Untag("9c", f"take {self.unlabeled_tag!r} off again", named, self.unlabeled_tag),
            Untag("9d", f"take {self.next_tag!r} off again", chosen, self.next_tag),
            *drop_mirror(snapshot, planned, everything, "9e", facts),
        ]
        return make_plan("documented", snapshot, planned, steps, left_out, facts)
