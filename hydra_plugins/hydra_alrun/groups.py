"""Mounts folders of experiments as the config group `experiment`."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from alrun.config.schema import folder_of

GROUP = "experiment"
_HEADER_LENGTH = 512


class ExperimentsSource(ConfigSource):
    """The YAML files of one folder as the choices of the group `experiment`.

    A file without a ``@package`` header sets keys of the whole config, as one with ``@package _global_``.
    """

    @staticmethod
    def scheme() -> str:
        """Return the name by which the search path finds this source."""
        return "alrun-experiments"

    def load_config(self, config_path: str) -> ConfigResult:
        """Read one experiment."""
        file = self._file(config_path)
        content = file.read_text(encoding="utf-8")
        header = self._get_header_dict(content[:_HEADER_LENGTH])
        header["package"] = header["package"] or "_global_"
        with file.open(encoding="utf-8") as opened:  # an open file, so that YAML errors name it
            config = OmegaConf.load(opened)
        return ConfigResult(provider=self.provider, path=self.full_path(), config=config, header=header)

    def available(self) -> bool:
        """Return whether the folder exists."""
        return Path(self.path).is_dir()

    def is_group(self, config_path: str) -> bool:
        """Return whether this is the group, or the root that holds it."""
        return config_path.strip("/") in {"", GROUP}

    def is_config(self, config_path: str) -> bool:
        """Return whether there is such an experiment."""
        return config_path.startswith(f"{GROUP}/") and self._file(config_path).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return the group's name for the root, the names of the experiments for the group."""
        if config_path.strip("/") == GROUP:
            return [] if results_filter is ObjectType.GROUP else sorted(f.stem for f in Path(self.path).glob("*.yaml"))
        return [] if results_filter is ObjectType.CONFIG else [GROUP]

    def _file(self, config_path: str) -> Path:
        return Path(self.path) / self._normalize_file_name(config_path.removeprefix(f"{GROUP}/"))


class ExperimentsSearchPath(SearchPathPlugin):
    """Adds ./experiments and the packaged experiments, in this order, to alrun's search path only."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders that exist; the search path of another Hydra application stays as it is."""
        main = next((item.path for item in search_path.get_path() if item.provider == "main"), None)
        if main != str(folder_of("conf")):
            return
        folders = dict.fromkeys(folder.resolve() for folder in (Path("experiments"), folder_of("experiments")))
        for folder in folders:
            if folder.is_dir():
                search_path.append("alrun", f"{ExperimentsSource.scheme()}://{folder}")
