"""The Encord platform, through the official SDK.

This package alone imports the SDK, and only once a project is opened. Here is the component: which project, whose
key, and what is checked before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from annotated_types import Ge, Le

from alrun.errors import ConfigError, NoAccess, PlatformError, Refused
from alrun.files import cache_folder
from alrun.platform.encord.auth import Trace, connect, domain_of, load_key
from alrun.platform.encord.errors import asked
from alrun.platform.keys import holds_key
from alrun.platform.port import Contents, Project
from alrun.platform.retry import Patience, patiently
from alrun.platform.writes import Limits
from alrun.types import Stage, StageType

if TYPE_CHECKING:
    from encord import EncordUserClient
    from encord import Project as SdkProject

    from alrun.platform.encord.platform import Connection, EncordPlatform
    from alrun.platform.encord.presets import Presets
    from alrun.platform.encord.probe import EncordProbe

OPENING = Patience(deadline=30)
"""How long to wait for a platform that does not answer at all: its address may be mistyped."""


@dataclass(frozen=True)
class EncordAccess:
    """How to reach a workflow project on the Encord platform.

    Parameters
    ----------
    project
        The project's hash, as its address in the product shows it.
    user
        The e-mail address of the key's owner. The SDK does not tell it, and unless `records_moves` is False it is what
        tells tasks that this run moved from tasks that somebody else moved.
    key_file
        The path of the owner's private key (OpenSSH, Ed25519, without passphrase); None takes
        ``ENCORD_SSH_KEY_FILE``, else the key itself from ``ENCORD_SSH_KEY``.
    domain
        None takes ``ENCORD_DOMAIN``, else the European one; https://api.us.encord.com is the American one.
    records_moves
        Whether a write that moves a task makes `user` its last actor. The platform's documentation calls that
        field "the user who last actioned the data" and does not say more; ``action=doctor`` finds it out. None is for
        not knowing, and safe either way: recipes then leave alone the tasks that somebody else has acted on before,
        since only with the answer would it show if they did again. With a wrong answer, restore leaves the parked
        tasks alone as touched by somebody, and says so.
    cache
        The folder for downloaded images; None takes ``$ALRUN_CACHE``, else the user's cache folder.
    threads
        How many images are downloaded at once.
    max_pixels, max_megabytes
        Larger images are left out.

    Raises
    ------
    ConfigError
        If one of these cannot be right.
    """

    project: str
    user: str | None = None
    key_file: str | None = None
    domain: str | None = None
    records_moves: bool | None = None
    cache: str | None = None
    threads: Annotated[int, Ge(1), Le(64)] = 16
    max_pixels: Annotated[int, Ge(1)] = 64_000_000
    max_megabytes: Annotated[int, Ge(1)] = 64

    def __post_init__(self) -> None:
        if self.key_file is not None and holds_key(self.key_file):
            raise ConfigError("platform.key_file holds the content of a key: give the path of its file")
        try:
            UUID(self.project)
        except ValueError:
            raise ConfigError(
                f"platform.project={self.project!r} is not a project hash such as "
                "4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57; the project's address in the product shows it"
            ) from None
        if self.domain is not None:
            domain_of(self.domain)
        if self.records_moves is not False and not self.user:
            raise ConfigError(
                "platform.user is not given: the e-mail address of the key's owner, by which tasks that this run moved "
                "are told from tasks that somebody else moved"
            )

    def facts(self) -> list[tuple[str, str]]:
        """Return the SDK's version, which key is used, and the address."""
        key = load_key(self.key_file)
        return [
            ("SDK", f"encord {_sdk_version()}"),
            ("key", f"Ed25519, fingerprint {key.fingerprint.removeprefix('key:')}, from {key.origin}"),
            ("domain", domain_of(self.domain)),
        ]

    def connect(self) -> EncordPlatform:
        """Open the project; it is never created.

        Raises
        ------
        ConfigError
            If the key or the domain cannot be used, or the project has no workflow.
        NoAccess
            If the platform does not know the key or the project, or the owner of the key may not manage it.
        """
        from alrun.platform.encord.images import ImageLimits, Images
        from alrun.platform.encord.labels import vocabulary
        from alrun.platform.encord.platform import EncordPlatform

        _sdk_version()
        key, domain = load_key(self.key_file), domain_of(self.domain)
        trace = Trace()
        connection = self._connection(connect(key, domain, trace), domain, trace)
        words = asked("reading the ontology", lambda: vocabulary(connection.project.ontology_structure))
        facts = Project(
            project_id=self._hash,
            title=connection.project.title,
            ontology=words.ontology,
            stages=_stages(connection.project),
            user=self.user or key.fingerprint,
            records_moves=self.records_moves,
        )
        limits = ImageLimits(self.max_pixels, self.max_megabytes * 2**20, self.threads)
        images = Images(connection.api, cache_folder(self.cache) / "encord" / facts.project_id, limits)
        return EncordPlatform(connection, facts, words, images, Limits())

    @property
    def _hash(self) -> str:
        return str(UUID(self.project))

    def _connection(self, client: EncordUserClient, domain: str, trace: Trace) -> Connection:
        from encord.client import EncordClientProject
        from encord.constants.string_constants import TYPE_PROJECT
        from encord.http.querier import Querier
        from encord.http.v2.api_client import ApiClient

        from alrun.platform.encord.platform import Connection

        try:
            project = patiently(
                OPENING, lambda: asked(f"opening the project on {domain}", lambda: client.get_project(self._hash))
            )
        except Refused as error:
            failure: PlatformError = NoAccess(
                f"{error}. {domain} has no project {self.project}, or the owner of the key is not in it: check "
                "platform.project and platform.domain"
            )
        except NoAccess as error:
            failure = NoAccess(
                f"{error}. Register the key's public half in the product, let its owner manage the project, check "
                "platform.domain, or set this machine's clock: every request is signed with the time, and one that is "
                "minutes off is turned away"
            )
        else:
            _check(project)
            config = client.user_config.config
            api = ApiClient(config)
            querier = Querier(config, resource_type=TYPE_PROJECT, resource_id=self._hash)
            return Connection(project, EncordClientProject(querier, config, api), api, trace)
        raise failure


@dataclass(frozen=True)
class EncordProject(EncordAccess):
    """A workflow project on the Encord platform, with the parameters of :class:`EncordAccess`."""

    def open(self, folder: Path, contents: Callable[[], Contents]) -> EncordPlatform:  # noqa: ARG002
        """Open the project; raises as :meth:`EncordAccess.connect` does."""
        return self.connect()

    def presets(self) -> Presets:
        """Open the project to read its filter presets; raises as :meth:`EncordAccess.connect` does."""
        from alrun.platform.encord.presets import Presets

        return Presets(self.connect().connection)

    def probe(self, scratch_project: str) -> EncordProbe:
        """Open a scratch project for the open questions of the platform.

        Raises
        ------
        ConfigError
            If it is the project of the config, or is not clearly there to be probed.
        StateError
            If it has too few tasks for that.
        """
        from alrun.platform.encord.probe import EncordProbe

        try:
            scratch = replace(self, project=scratch_project)
        except ConfigError:
            raise ConfigError(f"doctor.scratch_project={scratch_project!r} is not a project hash") from None
        if scratch._hash == self._hash:
            raise ConfigError(
                f"doctor.scratch_project={scratch_project} is platform.project itself: name another project, whose "
                "tasks may be moved about"
            )
        return EncordProbe(scratch.connect())


def _sdk_version() -> str:
    if find_spec("encord") is None:
        raise ConfigError(
            "the Encord platform needs the official SDK, which is not installed: pip install alrun[encord]"
        )
    return version("encord")


def _check(project: SdkProject) -> None:
    from encord.orm.project import ProjectType
    from encord.utilities.project_user import ProjectUserRole

    if project.project_type is not ProjectType.WORKFLOW:
        raise ConfigError(
            f"the project {project.title!r} is of type {project.project_type.value!r}: alrun needs a workflow project"
        )
    role = project.user_role  # None: an organisation's admin
    if role is not None and role not in {ProjectUserRole.ADMIN, ProjectUserRole.TEAM_MANAGER}:
        name = role.name.lower().replace("_", " ")
        raise NoAccess(
            f"the role of the key's owner is {name} in the project {project.title!r}: moving tasks needs "
            "the role admin or team manager"
        )


def _stages(project: SdkProject) -> tuple[Stage, ...]:
    return tuple(
        Stage(str(stage.uuid), stage.title, StageType(stage.stage_type.value.lower()))
        for stage in project.workflow.stages
    )
