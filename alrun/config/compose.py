"""Hydra's composition, held so that one fault does not hide the next, and every value can be traced to its source."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.object_type import ObjectType
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

import alrun
from alrun.config.overrides import Fault, Setting
from alrun.config.refusals import first_line, refusal
from alrun.config.schema import folder_of
from alrun.errors import ConfigError, one_of

VERSION_BASE = "1.3"
CONFIG_NAME = "config"
GROUP_SCHEME = "alrun-group"
"""The scheme of `hydra_plugins.hydra_alrun.groups`, which mounts folders of the user as config groups."""


class Composer:
    """Composes configs as Hydra's entry point with the same flags does."""

    def __init__(self, config_dir: str | None = None, config_path: str | None = None, name: str | None = None) -> None:
        version.setbase(VERSION_BASE)
        setup_globals()
        self.name = name or CONFIG_NAME
        main = config_path or str(folder_of("conf"))
        if "://" not in main:
            main = str(Path(alrun.__file__).parent / main)  # a relative one counts from Hydra's entry point
        search_path = create_config_search_path(main)
        if config_dir is not None:
            if not Path(config_dir).is_dir():
                raise ConfigError(f"--config-dir {config_dir}: there is no such folder")
            search_path.prepend("command-line", f"file://{Path(config_dir).absolute()}", SearchPathQuery("schema"))
        self.loader = ConfigLoaderImpl(search_path)

    def load(self, settings: Sequence[Setting], mode: RunMode = RunMode.RUN) -> DictConfig:
        """Compose; raises whatever Hydra raises."""
        return self.loader.load_configuration(self.name, [item.text for item in settings], mode)

    def options(self, group: str, settings: Sequence[Setting]) -> list[str]:
        """Return the choices of a group; none if it is not a group."""
        if not group:
            return []
        search_path = [item.text for item in settings if item.key == "hydra.searchpath"]
        try:
            return self.loader.get_group_options(group, ObjectType.CONFIG, self.name, search_path)
        except (HydraException, OSError):
            return []

    def groups(self) -> list[str]:
        """Return the names of all groups at the top level."""
        return [group for group in self.loader.list_groups("") if group != "hydra"]


class Composition:
    """One config, composed as far as its overrides allow.

    Attributes
    ----------
    config
        None if not even the base composes.
    faults
        What kept overrides from being applied.
    dropped
        The keys of those overrides: what is below them was not what the user asked for.
    """

    def __init__(self, composer: Composer, settings: Sequence[Setting]) -> None:
        self._composer = composer
        self.settings = settings
        self.config: DictConfig | None = None
        self.faults: list[Fault] = []
        self.dropped: set[str] = set()
        self.refusal: Fault | None = None
        try:
            self.config = composer.load(settings)
        except Exception as error:  # noqa: BLE001 -- Hydra raises anything, ValueError and YAML errors included
            self._compose_leniently()
            self.refusal = refusal(error, settings, self._composer.groups())

    def changed(self, settings: Sequence[Setting], items: Iterable[Setting]) -> Composition:
        """Return this composition with some values changed, for a fraction of the cost of composing anew."""
        other = copy.copy(self)
        other.settings, other.faults, other.dropped = settings, [*self.faults], {*self.dropped}
        if self.config is not None:
            other.config = copy.deepcopy(self.config)
            for item in items:
                other._apply(item)
        return other

    def _compose_leniently(self) -> None:
        groups = [item for item in self.settings if self._composer.options(item.parsed.key_or_group, self.settings)]
        kept = [item for item in self.settings if item.key == "hydra.searchpath"]
        try:
            self.config = self._composer.load(kept)
        except Exception as error:  # noqa: BLE001
            self.faults.append(refusal(error, [], self._composer.groups(), f"{self._composer.name}.yaml"))
            return
        for item in groups:
            fault = self._choice_fault(item)
            if fault is None:
                try:
                    self.config = self._composer.load([*kept, item])
                    kept.append(item)
                except Exception as error:  # noqa: BLE001
                    fault = refusal(error, [item], self._composer.groups())
            if fault is not None:
                self.faults.append(fault)
                self.dropped.add(item.key.partition("@")[2] or item.key)
        for item in self.settings:
            if item not in groups and item not in kept:
                self._apply(item)

    def _choice_fault(self, item: Setting) -> Fault | None:
        if item.parsed.is_delete() or isinstance(item.parsed.value(), dict):
            return None
        options = self._composer.options(item.parsed.key_or_group, self.settings)
        given = item.parsed.value()
        chosen = given if isinstance(given, list) else [given]
        wrong = [choice for choice in chosen if choice not in options]
        if not wrong:
            return None
        if wrong == [None]:
            return item.fault(f"null is not a choice: leave it out for the default; allowed: {', '.join(options)}")
        return item.fault("; ".join(f"no choice {c!r}: {one_of(str(c), options)}" for c in wrong))

    def _apply(self, item: Setting) -> None:
        """Set a value although its key may be unknown: the types decide about that, for all of them at once."""
        assert self.config is not None
        try:
            with open_dict(self.config):
                if item.parsed.is_delete():
                    parent, _, name = item.key.rpartition(".")
                    del (OmegaConf.select(self.config, parent) if parent else self.config)[name]
                else:
                    OmegaConf.set_struct(self.config, False)
                    OmegaConf.update(self.config, item.key, item.parsed.value(), merge=True, force_add=True)
        except (OmegaConfBaseException, KeyError, TypeError, AttributeError, ValueError, AssertionError) as error:
            self.dropped.add(item.key)
            self.faults.append(item.fault(first_line(error)))

    def plain(self) -> tuple[dict[str, Any], list[Fault]]:
        """Return the resolved config as plain data, without Hydra's part; a fault for each value without one."""
        assert self.config is not None
        faults: list[Fault] = []
        content = {str(key): self._plain(self.config, key, str(key), faults) for key in self.config if key != "hydra"}
        return {key: value for key, value in content.items() if value is not _UNRESOLVED}, faults

    def _plain(self, parent: Any, key: Any, path: str, faults: list[Fault]) -> Any:
        try:
            value = parent[key]
        except OmegaConfBaseException as error:
            missing = OmegaConf.is_missing(parent, key)
            message = "must be given" if missing else first_line(error)
            node = None if missing else str(parent._get_node(key))
            faults.append(Fault(path, node, message, self.origin(path)))
            return _UNRESOLVED
        if OmegaConf.is_dict(value):
            children = {str(k): self._plain(value, k, f"{path}.{k}", faults) for k in value}
            return {k: v for k, v in children.items() if v is not _UNRESOLVED}
        if OmegaConf.is_list(value):
            return [self._plain(value, i, f"{path}.{i}", faults) for i in range(len(value))]
        return value

    def origin(self, key: str) -> str:
        """Return where the value at `key` comes from, or, for one that is not given, what it belongs to."""
        if any(item.key.startswith(f"{key}.") for item in self.settings):
            return next(item.origin for item in reversed(self.settings) if item.key.startswith(f"{key}."))
        parts = [part for part in re.sub(r"\[\d+\]", "", key).split(".") if not part.isdigit()]
        for length in range(len(parts), 0, -1):
            path = ".".join(parts[:length])
            for item in reversed(self.settings):
                if item.key == path or (path.startswith(f"{item.key}.") and _has(item.parsed.value(), path, item.key)):
                    return item.origin
            file = next((file for file, content in self._files if _has(content, path, "")), None)
            if file is not None:
                return file
        return "config"

    @cached_property
    def _files(self) -> list[tuple[str, Any]]:
        """Each file that was composed and its content, embedded at its package; the strongest first."""
        if self.config is None:
            return []
        settings = [item.text for item in self.settings if item.key not in self.dropped]
        try:
            defaults = self._composer.loader.compute_defaults_list(self._composer.name, settings, RunMode.RUN).defaults
        except Exception:  # noqa: BLE001 -- a dropped override: the files of the base config are the best answer
            defaults = self._composer.loader.compute_defaults_list(self._composer.name, [], RunMode.RUN).defaults
        sources = [
            SourcesRegistry.instance().resolve(entry.schema)(entry.provider, f"{entry.schema}://{entry.path}")
            for entry in self.config.hydra.runtime.config_sources
        ]
        files = []
        for default in reversed(defaults):
            path = default.config_path or ""
            source = next((s for s in sources if s.is_config(path)), None)
            if source is not None and not path.startswith("hydra/"):
                files.append((_display(source, path), _embedded(source.load_config(path).config, default.package)))
        return files


_UNRESOLVED = object()


def _display(source: ConfigSource, config_path: str) -> str:
    if source.scheme() == "pkg":
        return f"{source.full_path()}/{config_path}.yaml"
    folder, inside = source.path, config_path
    if source.scheme() == GROUP_SCHEME:  # GROUP:FOLDER
        group, _, folder = folder.partition(":")
        inside = config_path.removeprefix(f"{group}/")
    file = Path(folder).absolute() / f"{inside}.yaml"
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _embedded(content: Any, package: str | None) -> Any:
    plain = OmegaConf.to_container(content, resolve=False)
    for part in reversed(package.split(".") if package else []):
        plain = {part: plain}
    return plain


def _has(node: Any, path: str, above: str) -> bool:
    for part in path.removeprefix(above).strip(".").split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True
