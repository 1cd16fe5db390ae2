"""The open questions, asked over HTTP of an emulator whose answers are known: the probes measure them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from alrun.emulator import OWNER, Fault, Policies
from alrun.emulator.__main__ import main
from alrun.emulator.answers import load, save
from alrun.errors import ConfigError, DataError, PlatformError, StateError
from alrun.platform.encord import asking, probe
from alrun.platform.encord.asking import MARK, Answer, Answers
from alrun.platform.encord.bench import Bench
from alrun.platform.encord.probe import NEEDED
from alrun.platform.encord.questions import QUESTIONS, UNASKED, Question
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Finding, OpenQuestions, Probe
from alrun.platform.retry import Patience
from alrun.platform.testing import LABEL
from alrun.platform.writes import Assign, InitialiseLabels, Move, SaveLabels
from alrun.types import StageType
from tests.encord.test_rehearsal import component as rehearsal
from tests.encord.world import World, component, nothing

PROJECT = "4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57"
UNFIT = {"page_size", "pages_by"}  # a project of six tasks has one page
ASKED = {name for question in QUESTIONS for name in question.names} - {"task_uuids_agree"}
FLIPPED = Policies(
    page_size=4, pages_by="key", create_again="returned", complete_again="refused", reopen_again="refused",
    reopen_keeps_priority=True, reopen_keeps_assignee=True, stray_actions="part", stray_moves="part",
    stray_labels="part", move_from_done="refused", move_creates_label_row=True, moves_record_actor=False,
    moves_touch_labels=True, moves_in_audit_log=False, priority_decimals=2, priority_of_complete="ignored",
    collection_add_again="failed", metadata_patch="merge", title_patterns_ignore_case=True,
)  # fmt: skip
OTHERWISE = Policies(
    page_size=4, stray_actions="skip", stray_moves="skip", stray_labels="skip", move_needs_label_row=True,
    reopen_again="unassigns",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SETTLE", 0.01)
    monkeypatch.setattr(probe, "PATIENCE", Patience(first=0.001, deadline=0.2))


@contextmanager
def scratch(folder: Path, policies: Policies | None = None, pool: int = 6, **changes: Any) -> Iterator[World]:
    with World(folder, policies, pool, **{"title": "Scratch", **changes}) as world:
        yield world


def begin(world: World, **changes: Any) -> Probe:
    source = component(world.emulator, world.cache, **{"project": PROJECT, **changes})
    return source.probe(world.emulator.project_hash)


def carry_out(world: World, **changes: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in begin(world, **changes).carry_out(world.folder)}


def seen(world: World) -> list[tuple[object, ...]]:
    """Return what a probe must leave as it was; label rows may come, and priorities may be rounded."""
    local = LocalPlatform(world.folder / "project.sqlite", OWNER)
    tasks = local.tasks()
    local.close()
    return [(t.data_hash, t.stage, t.assignee, t.priority and round(t.priority, 2)) for t in tasks]


@pytest.mark.parametrize("policies", [Policies(), FLIPPED, OTHERWISE], ids=["as guessed", "flipped", "otherwise"])
def test_every_answer_is_what_the_server_does_and_makes_an_emulator_like_it(tmp_path: Path, policies: Policies) -> None:
    with scratch(tmp_path, policies) as world:
        before = seen(world)
        findings = carry_out(world)
        assert seen(world) == before
        assert world.open().tags() == {}
    open_ = set() if policies.page_size < 6 else UNFIT
    if policies.move_needs_label_row:
        open_ |= {"move_creates_label_row"}
    assert {name for name, finding in findings.items() if not finding.known} == UNASKED.keys() | open_
    assert findings["task_uuids_agree"].answer is True
    known = {name: finding.answer for name, finding in findings.items() if finding.known and name in ASKED}
    assert known == {name: value for name, value in asdict(policies).items() if name in ASKED - open_}
    save(tmp_path / "policies.json", findings.values(), {})
    assert load(tmp_path / "policies.json") == policies


def test_every_policy_is_flipped_above_or_said_to_be_beyond_an_probe() -> None:
    assert ASKED | UNASKED.keys() == {field.name for field in fields(Policies)}
    for name in ASKED:
        answers = {getattr(policies, name) for policies in (Policies(), FLIPPED, OTHERWISE)}
        assert len(answers) == 3 if name.startswith("stray") or name == "reopen_again" else 2, name


@pytest.mark.parametrize(("records", "advice"), [(True, "true"), (False, "false")])
def test_the_doctor_says_how_to_set_records_moves(tmp_path: Path, records: bool, advice: str) -> None:
    with scratch(tmp_path, Policies(moves_record_actor=records)) as world:
        findings = carry_out(world)
        assert findings["moves_record_actor"].advice == f"set platform.records_moves={advice}"
        again = carry_out(world)["moves_record_actor"]  # two tasks are left that nobody has acted on
        assert again.known
        exhausted = [carry_out(world) for _ in range(2)][-1]
        assert exhausted["moves_record_actor"].known is not records
        assert exhausted["create_again"].known is False


def test_without_a_user_what_needs_one_stays_open(tmp_path: Path) -> None:
    with scratch(tmp_path) as world:
        findings = carry_out(world, user=None, records_moves=False)
    assert {name for name, finding in findings.items() if "platform.user" in finding.seen} == {
        "reopen_keeps_assignee", "reopen_again",
    }  # fmt: skip
    assert findings["moves_record_actor"].seen.count(OWNER) > 0


def test_what_the_owner_of_the_key_may_not_do_stays_open_with_the_reason(tmp_path: Path) -> None:
    with scratch(tmp_path) as world:
        world.emulator.fail(Fault("GET analytics/task-actions", "status", status=403, times=1000))
        findings = carry_out(world)
    assert not findings["complete_again"].known
    assert "reading the audit log" in findings["complete_again"].seen
    assert findings["stray_moves"].known


UNSUITABLE: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no scratch project": ({"title": "Production"}, ConfigError, "'Production', whose title does not say 'scratch'"),
    "too large": ({"pool": 51}, ConfigError, "has 51 tasks: a scratch project has at most 50"),
    "too small": ({"pool": 3}, StateError, "has 3 free tasks, and 4 are needed"),
    "consensus": (
        {"stages": [("A", StageType.CONSENSUS_ANNOTATION), ("R", StageType.CONSENSUS_REVIEW), ("C", StageType.DONE)]},
        ConfigError,
        "must begin with annotation",
    ),
    "agents": (
        {"stages": [("A", StageType.ANNOTATION), ("Robot", StageType.AGENT), ("C", StageType.DONE)]},
        ConfigError,
        r"nothing but review in between; it has: .*Robot \(agent\)",
    ),
}


@pytest.mark.parametrize("case", UNSUITABLE)
def test_a_project_that_is_not_there_for_experiments_is_refused_before_any_write(tmp_path: Path, case: str) -> None:
    changes, error, message = UNSUITABLE[case]
    with scratch(tmp_path, **changes) as world:
        with pytest.raises(error, match=message):
            begin(world)
        assert not [r for r in world.emulator.requests if r.method != "GET" and not r.name.endswith(" GET")]


def test_the_project_of_the_config_is_never_the_scratch_project(tmp_path: Path) -> None:
    with scratch(tmp_path) as world:
        source = component(world.emulator, world.cache)
        for name in (world.emulator.project_hash, world.emulator.project_hash.upper()):
            with pytest.raises(ConfigError, match=r"is platform\.project itself"):
                source.probe(name)
        with pytest.raises(ConfigError, match=r"doctor\.scratch_project='mine' is not a project hash"):
            source.probe("mine")
        assert world.emulator.requests == []
        assert isinstance(source, OpenQuestions)
        assert not isinstance(rehearsal(world), OpenQuestions)


def test_tasks_that_people_have_in_hand_or_have_labelled_are_not_used(tmp_path: Path) -> None:
    with scratch(tmp_path, pool=8) as world:
        platform = world.open()
        platform.write(InitialiseLabels((platform.tasks()[0].ref,)))
        refs = [task.ref for task in platform.tasks()]
        world.emulator.act(SaveLabels((refs[0],), (LABEL,), "ann@example.org"), "ann@example.org")
        world.emulator.act(Assign((refs[1],), "ann@example.org"))
        platform.write(Move((refs[2],), *(stage.uuid for stage in platform.project().stages[:2])))
        world.emulator.show_as(refs[3].data_hash, "video")
        before = platform.tasks()
        used = begin(world)
        used.carry_out(world.folder)
        assert platform.tasks()[:4] == before[:4]
        note = json.loads((world.folder / probe.NOTE).read_text())
        assert {task["data_hash"] for task in note} == {ref.data_hash for ref in refs[4:]}


@pytest.mark.parametrize("requests", [30, 45, 60, 75, 90])
def test_one_that_loses_the_platform_says_what_to_do_and_the_next_one_brings_everything_back(
    tmp_path: Path, requests: int
) -> None:
    with scratch(tmp_path) as world:
        before = seen(world)
        lost = begin(world)
        world.emulator.fail(Fault("*", "cut", skip=requests, times=10**6))
        with pytest.raises(PlatformError, match="do this again, which begins by bringing them back"):
            lost.carry_out(world.folder)
        world.emulator.faults.clear()
        again = begin(world)
        assert any("interrupted are brought back first" in line for line in again.announcement())
        note = json.loads((world.folder / probe.NOTE).read_text())
        priorities = {task["data_hash"]: task["priority"] for task in note}
        again.carry_out(world.folder / "..")
        assert [task[:3] for task in seen(world)] == [task[:3] for task in before]
        assert {task[0]: task[3] for task in before if task[0] in priorities} == priorities
        assert world.open().tags() == {}


def test_ctrl_c_puts_everything_back_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(bench: Bench) -> Answers:
        bench.initialise()
        bench.complete(0)
        bench.move(1, bench.aside)
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(probe, "QUESTIONS", [Question({"x": "y"}, interrupted), *QUESTIONS])
    with scratch(tmp_path) as world:
        before = seen(world)
        with suppress(KeyboardInterrupt):
            begin(world).carry_out(world.folder)
        assert seen(world) == before
        assert MARK not in world.open().tags()


def test_what_cannot_be_put_back_is_named_and_keeps_its_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def assigned(bench: Bench) -> Answers:
        bench.platform.act(Assign((bench.see(0).ref,), "ann@example.org"))
        yield "x", Answer(True, "somebody takes it")

    monkeypatch.setattr(probe, "QUESTIONS", [Question({"x": "y"}, assigned)])
    with scratch(tmp_path) as world:
        with pytest.raises(PlatformError, match=r"1 tasks could not be put back: .* is assigned to ann@example\.org"):
            begin(world).carry_out(world.folder)
        assert len(world.open().tags()[MARK]) == NEEDED


def test_policies_of_a_file_serve_and_are_rehearsed_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "policies.json"
    save(path, [Finding("moves_record_actor", "asked", "seen", answer=False)], {"title": "Scratch"})
    with scratch(tmp_path / "world") as world:
        copy = rehearsal(world, policies=str(path), records_moves=True).open(world.folder / "run", nothing)
        assert copy.emulator.policies == Policies(moves_record_actor=False)
        copy.close()
    content = json.loads(path.read_text())
    wrong: list[tuple[Callable[[dict[str, Any]], object], str]] = [
        (lambda c: c.update(version=2), "version 2"),
        (lambda c: c["policies"].update(page_sise={"answer": 1}), "did you mean 'page_size'"),
        (lambda c: c["policies"].update(page_size={"answer": "7"}), "page_size cannot be '7'"),
        (lambda c: c["policies"].update(page_size=7), "page_size has no answer"),
        (lambda c: c.pop("policies"), "holds no policies"),
    ]
    for change, message in wrong:
        changed = json.loads(json.dumps(content))
        change(changed)
        path.write_text(json.dumps(changed))
        with pytest.raises(DataError, match=message):
            load(path)
    with pytest.raises(DataError, match="No such file"):
        load(tmp_path / "none.json")
    project = str(tmp_path / "world" / "project.sqlite")
    assert main(["--project", project, "--policies", str(path)]) == 2
    assert "holds no policies" in capsys.readouterr().err
