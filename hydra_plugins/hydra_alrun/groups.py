"""Mounts folders of YAML files as choices of the config groups `experiment` and `filters`."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from alrun.config.compose import GROUP_SCHEME
from alrun.config.schema import folder_of

EXPERIMENT, FILTERS = "experiment", "filters"
_HEADER_LENGTH = 512


class GroupSource(ConfigSource):
    """The YAML files of one folder as the choices of one group; its path is ``GROUP:FOLDER``.

    An experiment without a ``@package`` header sets keys of the whole config, as one with ``@package _global_``.
    """

    @staticmethod
    def scheme() -> str:
        """Return the name by which the search path finds this source."""
        return GROUP_SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """Read one file."""
        file = self._file(config_path)
        content = file.read_text(encoding="utf-8")
        header = self._get_header_dict(content[:_HEADER_LENGTH])
        if self._group == EXPERIMENT:
            header["package"] = header["package"] or "_global_"
        with file.open(encoding="utf-8") as opened:  # an open file, so that YAML errors name it
            config = OmegaConf.load(opened)
        return ConfigResult(provider=self.provider, path=self.full_path(), config=config, header=header)

    def available(self) -> bool:
        """Return whether the folder exists."""
        return self._folder.is_dir()

    def is_group(self, config_path: str) -> bool:
        """Return whether this is the group, or the root that holds it."""
        return config_path.strip("/") in {"", self._group}

    def is_config(self, config_path: str) -> bool:
        """Return whether there is such a file."""
        return config_path.startswith(f"{self._group}/") and self._file(config_path).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return the group's name for the root, the names of the files for the group."""
        if config_path.strip("/") == self._group:
            return [] if results_filter is ObjectType.GROUP else sorted(f.stem for f in self._folder.glob("*.yaml"))
        return [] if results_filter is ObjectType.CONFIG else [self._group]

    @property
    def _group(self) -> str:
        return self.path.partition(":")[0]

    @property
    def _folder(self) -> Path:
        return Path(self.path.partition(":")[2])

    def _file(self, config_path: str) -> Path:
        return self._folder / self._normalize_file_name(config_path.removeprefix(f"{self._group}/"))


class GroupsSearchPath(SearchPathPlugin):
    """Adds ./experiments, ./filters and the packaged experiments to alrun's search path only."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders that exist; the search path of another Hydra application stays as it is."""
        main = next((item.path for item in search_path.get_path() if item.provider == "main"), None)
        if main != str(folder_of("conf")):
            return
        own = Path("filters").resolve()
        if own.is_dir():  # before conf: a filter of the user's own wins over one of that name
            search_path.prepend("alrun", f"{GroupSource.scheme()}://{FILTERS}:{own}")
        for folder in dict.fromkeys(folder.resolve() for folder in (Path("experiments"), folder_of("experiments"))):
            if folder.is_dir():
                search_path.append("alrun", f"{GroupSource.scheme()}://{EXPERIMENT}:{folder}")
