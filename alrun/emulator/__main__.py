"""``python -m alrun.emulator --project FILE``: serve a local project until Ctrl-C."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from alrun.emulator.answers import load
from alrun.emulator.emulator import OWNER, Emulator
from alrun.emulator.policies import parse
from alrun.errors import AlrunError, DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; return the exit code."""
    parser = ArgumentParser(
        "python -m alrun.emulator", description="Serve a local project over the platform's protocol."
    )
    parser.add_argument("--project", type=Path, required=True, help="the file of a local project")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--key-file", type=Path, help="an OpenSSH public key (Ed25519) to let in")
    parser.add_argument(
        "--policy", action="append", default=[], metavar="NAME=VALUE", help="see alrun/emulator/policies.py"
    )
    parser.add_argument("--policies", type=Path, metavar="FILE", help="what action=doctor found out of a real server")
    given = parser.parse_args(arguments)
    try:
        policies = parse(given.policy, None if given.policies is None else load(given.policies))
        with Emulator(given.project, policies, given.port) as emulator:
            key = emulator.private_key_path if given.key_file is None else _let_in(emulator, given.key_file)
            _say(f"serving {emulator.project_hash} at {emulator.url} until Ctrl-C\n")
            _say(f"  alrun platform=encord platform.project={emulator.project_hash} \\")
            _say(f"    platform.domain={emulator.url} platform.key_file={key} platform.user={OWNER}\n")
            _say("  EncordUserClient.create_with_ssh_private_key(")
            _say(f"    ssh_private_key_path={str(key)!r}, domain={emulator.url!r})")
            _wait()
    except AlrunError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"port {given.port} cannot be served: {error.strerror}. Choose another with --port", file=sys.stderr)
        return DataError.exit_code
    return 0


def _let_in(emulator: Emulator, public_key: Path) -> Path:
    try:
        emulator.add_public_key(public_key.read_text(), OWNER)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{public_key} is no OpenSSH public key of kind Ed25519: {error}") from error
    return public_key.with_suffix("")


def _say(line: str) -> None:
    print(line, flush=True)


def _wait() -> None:
    import threading

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        _say("stopped")


if __name__ == "__main__":
    sys.exit(main())
