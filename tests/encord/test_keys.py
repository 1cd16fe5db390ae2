"""The key is found where it is said to be, and is never seen anywhere again."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alrun.errors import ConfigError, NoAccess
from alrun.platform.encord import EncordProject
from alrun.platform.encord.auth import domain_of, load_key
from tests.encord.world import World, nothing

PROJECT = "4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57"


def text(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


GOOD = text(Ed25519PrivateKey.generate())
RSA = text(generate_private_key(65537, 2048))
LOCKED = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAZ89fqie
9Qulmtb6U17k5kAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAINfccmS0OmjUD3y0
Uu3E8c+feTQadSkhwzXEyR73tBFzAAAAkHtklKoy0pQZcFpfRXg6HAbfmavMesmL6Q3wkA
azrFxFssq9JuIYwA6CaCrPNH9bFVtuDSvul7TllVI/gDjxsT3uue/xyNyIV49tyXKBwdp+
zwDZWx6sJXv/Ntkjc+ZTtrjNSAMTW438PV5Tph31QHoy73q6y2YB0zy6PNjYh/0qWgbT+j
ysXcdzuQHJsv9inw==
-----END OPENSSH PRIVATE KEY-----
"""  # made for this test; its passphrase is sesame, and nothing knows its public half
GARBAGE = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0IGdhcmJhZ2UsIG5vdCBhIGtleQ==\n-----END OPENSSH PRIVATE KEY-----\n"
)
HALF = "\n".join(GOOD.splitlines()[:3])
WRONG = {
    "rsa": (RSA, "not an Ed25519 key"),
    "locked": (LOCKED, "passphrase"),
    "garbage": (GARBAGE, "OpenSSH format"),
    "half": (HALF, "OpenSSH format"),
    "latin": (GOOD.replace("A", "é"), "OpenSSH format"),
}


def said(error: BaseException) -> str:
    """Return everything that could be shown of an error: itself, and whatever hangs on it."""
    parts = [repr(error), *traceback.format_exception(error)]
    parts += [said(other) for other in (error.__cause__, error.__context__) if other is not None]
    return "\n".join(parts)


def secrets(key: str) -> list[str]:
    return [line for line in key.splitlines() if len(line) > 20 and "PRIVATE KEY" not in line]


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("way", ["field", "ENCORD_SSH_KEY_FILE", "ENCORD_SSH_KEY"])
def test_a_wrong_key_is_named_by_its_fault_and_never_shown(
    kind: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key, fault = WRONG[kind]
    file = tmp_path / "key"
    file.write_text(key)
    if way != "field":
        monkeypatch.setenv(way, key if way == "ENCORD_SSH_KEY" else str(file))
    component = EncordProject(PROJECT, "me@example.org", key_file=str(file) if way == "field" else None)
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError, match=fault) as raised:
        component.open(tmp_path, nothing)
    shown = said(raised.value) + caplog.text + repr(component)
    assert not [line for line in secrets(key) if line in shown]
    assert raised.value.__context__ is None


def test_a_key_where_a_path_belongs_is_refused_unseen() -> None:
    with pytest.raises(ConfigError) as raised:
        EncordProject(PROJECT, "me@example.org", key_file=GOOD)
    with pytest.raises(ConfigError) as in_the_environment:
        load_key(None, {"ENCORD_SSH_KEY_FILE": GOOD})
    for error in (raised.value, in_the_environment.value):
        assert "path" in str(error)
        assert not [line for line in secrets(GOOD) if line in said(error)]


def test_a_path_where_a_key_belongs_is_told_from_a_key() -> None:
    with pytest.raises(ConfigError, match="ENCORD_SSH_KEY_FILE"):
        load_key(None, {"ENCORD_SSH_KEY": "/home/me/.ssh/id_ed25519"})


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/nowhere/key: No such file"):
        load_key("/nowhere/key", {})


def test_without_any_key_the_message_lists_the_ways() -> None:
    with pytest.raises(ConfigError, match=r"platform\.key_file .*ENCORD_SSH_KEY_FILE .*ENCORD_SSH_KEY "):
        load_key(None, {})


def test_the_field_goes_before_the_file_and_the_file_before_the_content(tmp_path: Path) -> None:
    keys = [text(Ed25519PrivateKey.generate()) for _ in range(3)]
    for number in (0, 1):
        (tmp_path / str(number)).write_text(keys[number])
    environment = {"ENCORD_SSH_KEY_FILE": str(tmp_path / "1"), "ENCORD_SSH_KEY": keys[2]}
    assert load_key(str(tmp_path / "0"), environment).text == keys[0]
    assert load_key(None, environment).text == keys[1]
    assert load_key(None, {"ENCORD_SSH_KEY": keys[2]}).text == keys[2]


def test_a_file_that_is_gone_gives_way_to_the_environment(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run goes on with the config that it began with, and the key may lie elsewhere by then."""
    key = text(Ed25519PrivateKey.generate())
    (tmp_path / "moved").write_text(key)
    assert load_key("/nowhere/key", {"ENCORD_SSH_KEY_FILE": str(tmp_path / "moved")}).text == key
    assert load_key("/nowhere/key", {"ENCORD_SSH_KEY": key}).text == key
    assert "there is no /nowhere/key: the key of ENCORD_SSH_KEY_FILE is taken" in caplog.text
    assert not [line for line in secrets(key) if line in caplog.text]


def test_a_key_does_not_show_itself() -> None:
    key = load_key(None, {"ENCORD_SSH_KEY": GOOD})
    assert not [line for line in secrets(GOOD) if line in repr(key)]
    assert key.fingerprint == load_key(None, {"ENCORD_SSH_KEY": GOOD}).fingerprint


def test_a_key_that_the_platform_does_not_know_has_no_access(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCORD_SSH_KEY", GOOD)
    with pytest.raises(NoAccess, match="Register") as raised:
        world.open(key_file=None)
    assert not [line for line in secrets(GOOD) if line in said(raised.value)]
    assert "trace id" in str(raised.value)


def test_the_domain_comes_from_the_config_or_the_environment() -> None:
    assert domain_of(None, {}) == "https://api.encord.com"
    assert domain_of(None, {"ENCORD_DOMAIN": "https://api.us.encord.com/"}) == "https://api.us.encord.com"
    assert domain_of("https://private.example.org", {"ENCORD_DOMAIN": "https://x"}) == "https://private.example.org"
    assert domain_of("http://127.0.0.1:8080", {}) == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "wrong", ["api.encord.com", "ftp://x", "https://u:p@x", "https://x/path", "http://x.org", "https://"]
)
def test_a_domain_that_cannot_be_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError):
        domain_of(wrong, {})
