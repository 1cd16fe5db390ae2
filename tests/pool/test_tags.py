"""Which labels are a model's answer that nobody has checked, by stage, tags and last actor."""

from __future__ import annotations

import pytest

from alrun.platform.port import Project
from alrun.pool.tags import PRELABELLED, Mirror, proposed
from alrun.types import Ontology, Stage, StageType, Task, TaskStatus

STAGES = (
    Stage("annotate", "Annotate 1", StageType.ANNOTATION),
    Stage("review", "Review", StageType.REVIEW),
    Stage("done", "Complete", StageType.DONE),
)
US, ALICE, ANN = "us@team", "alice@team", "ann@team"
PARKED = Mirror("run-1", ALICE, "Annotate 1", 1).name


def is_proposed(
    stage: str, actor: str | None, *tags: str, records: bool | None = True, named: tuple[str, ...] = (PRELABELLED,)
) -> bool:
    project = Project("p", "P", Ontology(), STAGES, US, records)
    task = Task("task", "image", "a.png", stage, TaskStatus.NEW, "row", "then", actor)
    other = Task("other", "another", "b.png", stage, TaskStatus.NEW, "row 2", "then", actor)
    found = proposed(project, [task, other], dict.fromkeys((*named, *tags), frozenset({"image"})))
    assert other not in found
    return task in found


@pytest.mark.parametrize("records", [True, False, None])
def test_a_proposal_is_one_until_it_leaves_the_annotation_stage_by_a_person(records: bool | None) -> None:
    assert is_proposed("annotate", ANN, records=records)
    assert is_proposed("annotate", US, PARKED, records=records), "about to be parked"
    assert not is_proposed("review", ANN, PARKED, records=records)
    assert not is_proposed("done", US, records=records), "no run has parked it: somebody submitted it"


@pytest.mark.parametrize(
    ("actor", "records", "expected"),
    [
        (ALICE, True, True), (ALICE.upper(), True, True), (US, True, True), (ANN, True, False), (None, True, False),
        (ALICE, None, True), (US, None, True), (None, None, True), (ANN, None, False),
        (ALICE, False, True), (ANN, False, True), (None, False, True),
    ],
)  # fmt: skip
def test_a_parked_one_stays_one_until_the_platform_names_who_submitted_it(
    actor: str | None, records: bool | None, expected: bool
) -> None:
    assert is_proposed("done", actor, PARKED, records=records) == expected
    theirs = Mirror("run-0", ANN, "Annotate 1", 1).name
    assert is_proposed("done", actor, PARKED, theirs, records=records) == (expected or actor == ANN)


def test_only_a_tag_of_parked_tasks_says_that_it_is_parked() -> None:
    for tag in (Mirror("run-1", ALICE, "Complete", 1, sent_back=True), Mirror("run-1", ALICE, None, 1)):
        assert not is_proposed("done", ALICE, tag.name)
    assert not is_proposed("done", ALICE, PARKED, named=()), "it is parked, and its label is a person's"
