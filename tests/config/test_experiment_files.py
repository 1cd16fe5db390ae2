"""What people write in an experiment of their own at first, and what it says to write instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.config.command import alrun

TOP = "a group is named from the top, with a slash: `override /strategy: CHOICE`"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"metrics: [blur]", "`defaults: [override /metrics: [blur]]`, not `metrics: [blur]`"),
        (
            b"strategy: margin",
            "strategy=margin on the command line; in a YAML file `defaults: [override /strategy: margin]`",
        ),
        (
            b"platform: local",
            "platform=local on the command line; in a YAML file `defaults: [override /platform: local]`",
        ),
        (b"defaults: [/strategy: margin]", TOP),
        (b"defaults: [strategy: margin]", TOP),
        (b"defaults: [override strategy: margin]", TOP),
        (b"defaults: [override /stratgy: margin]", "there is no group 'stratgy'; did you mean 'strategy'?"),
        (b"name: \xe9", "its file is not valid UTF-8"),
    ],
    ids=str,
)
def test_it_is_told_what_to_write(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_bytes(b"# @package _global_\n" + content + b"\n")
    done = alrun("experiment=mine", "dataset=digits", folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_run_goes_on_without_the_environment_that_it_was_started_in(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    content = "# @package _global_\ndefaults: [override /strategy: random]\nname: night of ${oc.env:WHO}\nbudget: 7\n"
    (tmp_path / "experiments" / "mine.yaml").write_text(content)
    config = ("experiment=mine", "dataset=digits", "model=none", "metrics=[]", "report.thumbnails=0", "approve=prompt")
    environment = {**os.environ, "WHO": "ann", "ALRUN_CACHE": str(tmp_path / "cache")}
    assert alrun(*config, "hydra.run.dir=run", folder=tmp_path, env=environment).returncode == 3
    del environment["WHO"]
    done = alrun("action=resume", "run=run", "approve=auto", folder=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run" / "selection.csv").open() as file:
        assert len(file.readlines()) == 8
