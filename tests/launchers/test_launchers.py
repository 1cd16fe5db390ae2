"""Every launcher passes the shipped contract."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from alrun.errors import ConfigError
from alrun.launchers.base import Launcher
from alrun.launchers.basic import Basic
from alrun.launchers.processes import Processes
from alrun.launchers.ray import Ray
from alrun.launchers.slurm import Slurm
from alrun.launchers.testing import LauncherContract, note


class TestBasic(LauncherContract):
    in_other_processes = False

    def launcher(self) -> Launcher:
        return Basic()


class TestProcesses(LauncherContract):
    def launcher(self) -> Launcher:
        return Processes(workers=2)


class TestSlurmOnThisMachine(LauncherContract):
    def launcher(self) -> Launcher:
        return Slurm(cluster="local", poll_seconds=0.1)


@pytest.mark.slow
class TestRay(LauncherContract):
    tries = 2

    def launcher(self) -> Launcher:
        return Ray(workers=4, retries=1)


def test_processes_are_used_again(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    assert sorted(Processes(workers=2).launch(note, folders, 1)) == folders
    assert len({(folder / "played").read_text().split()[0] for folder in folders}) == 2


SBATCH = """#!{python}
import os, re, subprocess, sys
from pathlib import Path
script = Path(__file__).parent / "submitted.sh"
script.write_text(Path(sys.argv[-1]).read_text())
last = int(re.search(r"--array=0-(\\d+)", script.read_text())[1])
for task in range(last + 1):
    facts = dict(JOB_ID=str(43 + task), ARRAY_JOB_ID="42", ARRAY_TASK_ID=str(task), NTASKS="1", JOB_NUM_NODES="1",
                 NODEID="0", PROCID="0", LOCALID="0", JOB_NODELIST="here")
    environment = {{**os.environ, **{{f"SLURM_{{name}}": value for name, value in facts.items()}}}}
    with (script.parent / f"{{task}}.log").open("w") as log:
        subprocess.Popen(["bash", str(script)], env=environment, stdout=log, stderr=log)
print("Submitted batch job 42")
"""
"""A Slurm of one machine: sbatch starts every task of the array at once."""

SRUN = """#!{python}
import os, sys
command = [argument for argument in sys.argv[1:]]
while command[0].startswith("-"):
    del command[: 1 if command[0].startswith("--unbuffered") else 2]
os.execv(command[0], command)
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put programs of Slurm's names on the path; return their folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = {"sbatch": SBATCH, "srun": SRUN, "sacct": "#!/bin/sh\necho 'JobID|State|NodeList'\n"}
    for name, text in scripts.items():
        (programs / name).write_text(text.format(python=sys.executable))
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return programs


def test_slurm_gets_one_array_with_the_limits_that_were_set(slurm: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "sweep" / "jobs" / name for name in ("one", "two", "raises")]
    for folder in folders:
        folder.mkdir(parents=True)
    launcher = Slurm(
        minutes=90, at_once=2, memory_gb=6, partition="cpu", options={"account": "vision"}, poll_seconds=0.1
    )

    assert sorted(launcher.launch(note, folders, 3)) == sorted(folders)

    assert [(folder / "finished").exists() for folder in folders] == [True, True, False]
    lines = (slurm / "submitted.sh").read_text().splitlines()
    for option in (
        "--array=0-2%2", "--cpus-per-task=3", "--mem=6GB", "--time=90", "--partition=cpu", "--account=vision",
        "--job-name=alrun",
    ):  # fmt: skip
        assert f"#SBATCH {option}" in lines
    command = next(number for number, line in enumerate(lines) if line.startswith("srun "))
    for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
        assert f"export {name}=3" in lines[:command]


def test_a_machine_without_slurm_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"launcher\.cluster=local"):
        next(iter(Slurm().launch(note, [tmp_path / "sweep" / "jobs" / "one"], 1)))
