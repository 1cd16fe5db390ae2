"""A fresh environment with the built wheels in it, made without a network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
THIRD_PARTY = Path(__file__).parent / "thirdparty"


class Installed:
    """An environment with alrun's wheel; what alrun depends on comes from the environment that runs the tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        venv.create(folder / "venv", with_pip=False)
        self.python = folder / "venv" / "bin" / "python"
        self.site = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())

    def borrow_dependencies(self) -> None:
        """Make the packages of this environment importable, after those that are installed here.

        A path in a .pth file is only appended: no .pth file of the other environment is read, and so its editable
        install of the checkout stays out of sight.
        """
        (self.site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def install(self, project: Path) -> None:
        """Build the project's wheel and install it."""
        wheels = self._folder / f"wheel of {project.name}"
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(project)]
        subprocess.run(build, check=True, capture_output=True, timeout=300)
        (wheel,) = wheels.glob("*.whl")
        install = ["-m", "pip", "--python", str(self.python), "install", "--no-deps", "--no-index", str(wheel)]
        subprocess.run([sys.executable, *install], check=True, capture_output=True, timeout=300)

    def run(self, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python in `folder`."""
        command = [str(self.python), *arguments]
        return subprocess.run(command, cwd=folder or self._folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return an environment with the wheels of alrun and of the third party."""
    environment = Installed(tmp_path_factory.mktemp("installed"))
    environment.install(CHECKOUT)
    environment.install(THIRD_PARTY)
    environment.borrow_dependencies()
    return environment
