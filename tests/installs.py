"""`shardscore` installed as users do, each time in a virtual environment of its own; the libraries are this one's."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PRINT_SITE_PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"


def copy_source(folder: Path) -> Path:
    """What a checkout holds, but for tests; building leaves files in it."""
    for path in _ROOT.iterdir():
        if path.name in ("cluster", "jobs", "scoring"):
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file() and not path.name.startswith("."):
            shutil.copy(path, folder)
    return folder


def new_environment(folder: Path) -> Path:
    """A virtual environment that finds this one's libraries by a .pth file, and not what is installed here in place.

    Returns:
        Its Python.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    libraries = Path(subprocess.check_output([python, "-c", _PRINT_SITE_PACKAGES], text=True).strip())
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python


def pip_install(python: Path, *what: str | Path) -> None:
    """Install into an environment, building with what is here."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "--python", python, "install", *options, *what]
    subprocess.run(command, cwd=python.parent, check=True, capture_output=True)
