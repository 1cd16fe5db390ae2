"""Overrides, as the command line and sweeps give them, and the faults that are found in a config."""

from __future__ import annotations

from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from alrun.errors import ConfigError
from alrun.platform.keys import HOW, holds_key
from alrun.terminal import quoted, typed

COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the config: where, what was given (as text; None for nothing), what is allowed."""

    key: str
    given: str | None
    message: str
    origin: str

    def __str__(self) -> str:
        given = "" if self.given is None else f" = {self.given}"
        text = f"{self.key}{given}  [{self.origin}]\n    {self.message}"
        if not holds_key(text):
            return text
        # From a file or the environment: a command line that holds a key does not get this far.
        key = "a key" if holds_key(self.key) else self.key
        return f"{key}  [{self.origin}]\n    holds the content of a private key, which is not shown here: {HOW}"


@dataclass(frozen=True)
class Setting:
    """One override, from the command line or from a sweep that an experiment defines."""

    text: str
    parsed: Override
    origin: str

    @property
    def key(self) -> str:
        """The key or group, with its package, without a prefix."""
        return self.parsed.get_key_element().lstrip("+~")

    def fault(self, message: str) -> Fault:
        """Return a fault of this override as a whole."""
        given = self.text.partition("=")[2] if "=" in self.text else None
        return Fault(self.key, given, message, self.origin)

    def values(self) -> list[Setting]:
        """Return one override for each value that is swept, or this one."""
        if not self.parsed.is_sweep_override():
            return [self]
        element = self.parsed.get_key_element()
        return [setting(f"{element}={value}", self.origin) for value in self.parsed.sweep_string_iterator()]


def setting(text: str, origin: str = COMMAND_LINE, loader: ConfigLoader | None = None) -> Setting:
    """Parse an override.

    Raises
    ------
    ConfigError
        If it does not follow Hydra's grammar.
    """
    try:
        return Setting(text, OverridesParser.create(loader).parse_overrides([text])[0], origin)
    except HydraException:
        raise ConfigError(_ungrammatical(text)) from None


def _ungrammatical(text: str) -> str:
    """Say what is wrong with an override that does not follow Hydra's grammar, and how to write it."""
    key, equals, value = text.partition("=")
    if not equals:
        return f"has no value: write {key}=VALUE, or ~{key.lstrip('+~')} to take a key away"
    unpaired = [quote for quote in "'\"" if value.count(quote) % 2]
    unpaired += [f"{left} or {right}" for left, right in ("[]", "{}", "()") if value.count(left) != value.count(right)]
    what = f"{' and '.join(unpaired)} without its other half" if unpaired else "is not a value in Hydra's grammar"
    if not unpaired and _follows_grammar(f"{key}={quoted(value)}"):
        return f"{what}. If it is a text, quote it, for the shell and for Hydra: {typed(f'{key}={quoted(value)}')}"
    return (
        f"{what}. A list is [a,b], a mapping {{a: 1}}; a text that holds any of these, a quote or a comma is quoted "
        f"twice, for the shell and for Hydra: \"{key}='TEXT'\""
    )


def _follows_grammar(text: str) -> bool:
    try:
        OverridesParser.create().parse_overrides([text])
    except HydraException:
        return False
    return True
