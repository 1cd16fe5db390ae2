"""The platform's wire protocol over HTTP, backed by a local project: what the unmodified official SDK talks to.

::

    with Emulator(Path("project.sqlite"), Policies(page_size=10)) as emulator:
        client = EncordUserClient.create_with_ssh_private_key(
            ssh_private_key_path=emulator.private_key_path, domain=emulator.url)
        emulator.fail(Fault("POST projects/{p}/priorities", "cut", when="after"))
        ...
        emulator.log.counts()
"""

from __future__ import annotations

from alrun.emulator.emulator import OWNER, Emulator
from alrun.emulator.policies import Policies
from alrun.emulator.traffic import Fault, Request

__all__ = ["OWNER", "Emulator", "Fault", "Policies", "Request"]
