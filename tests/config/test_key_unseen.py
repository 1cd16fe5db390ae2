"""A private key on the command line is refused before anything repeats it: no output, log or file holds any of it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alrun.platform.keys import holds_key, key_among
from tests.config.command import MANDATORY, alrun, choices, faults

KEY = Ed25519PrivateKey.generate()
OPENSSH, PKCS8 = (
    KEY.private_bytes(Encoding.PEM, kind, NoEncryption()).decode()
    for kind in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8)
)
BODY, SHORT_BODY = ("".join(pem.splitlines()[1:-1]) for pem in (OPENSSH, PKCS8))
WHOLE_FILE = b64encode(OPENSSH.encode()).decode()
ENCORD = ["platform=encord", *MANDATORY["platform/encord"]]


def shown(text: str) -> list[str]:
    """Return the pieces of the key, in any of its encodings, that a text holds."""
    encodings = [*OPENSSH.splitlines()[1:-1], *PKCS8.splitlines()[1:-1], BODY, WHOLE_FILE]
    return [
        piece
        for long in encodings
        for piece in (long[i : i + 12] for i in range(0, len(long) - 11, 6))
        if piece in text
    ]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('platform.key_file="$(cat key)"', "platform.key_file"),
        ("platform.key_file=$(cat key)", "platform.key_file"),
        ("platform.key_file=\"'$(cat key)'\"", "platform.key_file"),
        ('+key="$(cat key)"', "key"),
        ("+key=$(sed 1d key)", "key"),
        ("+key=$(sed 1,2d key)", "the command line"),
        ("$(cat pkcs8)", "the command line"),
        ("--config-dir $(cat key)", "the command line"),
        ("platform.key_file={body}", "platform.key_file"),
        ("platform.key_file={short}", "platform.key_file"),
        ("name={whole}", "name"),
        ("{body}=", "the command line"),
    ],
)
def test_a_key_on_the_command_line_is_refused_unseen(line: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(OPENSSH)
    (tmp_path / "pkcs8").write_text(PKCS8)
    line = line.format(body=BODY, short=SHORT_BODY, whole=WHOLE_FILE)
    command = f"{shlex.join([sys.executable, '-m', 'alrun', *ENCORD])} {line}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith(f"alrun: {named} holds the content of a private key")
    assert "path of the key" in done.stderr
    assert "ENCORD_SSH_KEY" in done.stderr
    assert shown(done.stdout + done.stderr) == []
    assert {path.name for path in tmp_path.rglob("*")} == {"key", "pkcs8"}  # which the shell read: nothing was written


@pytest.mark.parametrize("setting", ["platform.key_file", "platform.project", "budget", "+nosuch"])
def test_a_key_that_the_environment_gives_is_not_shown_by_a_fault(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", BODY)
    found = faults(*ENCORD, f"{setting}=${{oc.env:LEAKED}}")
    assert found
    assert shown(" ".join(str(fault) for fault in found)) == []


def test_a_key_in_a_file_is_not_shown_by_a_fault(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\nbudget: {BODY}\n")
    (fault,) = faults("experiment=mine", config_dir=tmp_path)
    assert str(fault).startswith("budget  [")
    assert "private key, which is not shown here" in str(fault)
    assert shown(str(fault)) == []


def test_what_people_give_is_not_taken_for_a_key() -> None:
    for choice in choices():
        assert key_among([choice.replace("/", "="), *MANDATORY.get(choice, [])]) is None
    for path in ("~/.ssh/id_ed25519", "/home/me/PRIVATE_KEY.pem", "/srv/" + "Data/Sets2026/" * 9 + "key", "a-----b"):
        assert not holds_key(path)
        assert key_among([f"platform.key_file={path}", f"dataset.path={path}"]) is None


def test_the_path_of_a_key_is_taken(tmp_path: Path) -> None:
    (tmp_path / "id_ed25519").write_text(OPENSSH)
    done = alrun("--cfg", "job", "-p", "platform", *ENCORD, "platform.key_file=id_ed25519", folder=tmp_path)
    assert (done.returncode, "key_file: id_ed25519" in done.stdout) == (0, True)
