"""What a run took, phase by phase: kept where the process ended before `run.json` was written again."""

from __future__ import annotations

from pathlib import Path

from alrun.run.folder import RunFolder


def _time(folder: RunFolder, *names: str) -> None:
    for name in names:
        with folder.phase(name, 1, lambda: 0) as details:
            details["tasks"] = 7


def test_phases_outlive_a_kill_and_a_torn_line_is_no_phase(tmp_path: Path) -> None:
    _time(RunFolder.create(tmp_path, {}), "snapshot", "select")
    with (tmp_path / "phases.jsonl").open("a") as file:
        file.write('{"name": "tor')
    folder = RunFolder.open(tmp_path)
    assert [(phase["name"], phase["tasks"]) for phase in folder.record["phases"]] == [("snapshot", 7), ("select", 7)]
    _time(folder, "apply")
    folder.update(status="done")
    assert [phase["name"] for phase in RunFolder.open(tmp_path).record["phases"]] == ["snapshot", "select", "apply"]


def test_phases_that_run_json_knows_and_a_power_cut_took_from_the_other_file_stay(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, {})
    _time(folder, "snapshot", "select")
    folder.save()
    (tmp_path / "phases.jsonl").write_text("")
    assert [phase["name"] for phase in RunFolder.open(tmp_path).record["phases"]] == ["snapshot", "select"]


def test_malformed_lines_are_left_out_with_a_note(tmp_path: Path) -> None:
    _time(RunFolder.create(tmp_path, {}), "snapshot", "select")
    with (tmp_path / "phases.jsonl").open("ab") as file:
        file.write(b'\xff{ no json\n{}\n{"name": "apply", "round": "1", "seconds": 2, "requests": 0}\n')
    folder = RunFolder.open(tmp_path)
    assert [phase["name"] for phase in folder.record["phases"]] == ["snapshot", "select"]
    (note,) = folder.record["notes"]
    assert "phases.jsonl cannot be read (3 of 5 lines are malformed)" in note
    folder.save()
    assert RunFolder.open(tmp_path).record["notes"] == [note]
