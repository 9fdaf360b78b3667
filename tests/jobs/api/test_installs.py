"""`import shardscore` and the command, after every kind of install."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jobs.submit import shipped_packages
from scoring import __version__
from tests.installs import copy_source, new_environment, pip_install

_ROOT = Path(__file__).parents[3]
_PACKAGES = ("cluster", "jobs", "scoring")
_LOOK = """
import sys
import shardscore, jobs.api, scoring
from importlib.resources import files
assert shardscore.score is jobs.api.score and shardscore.Run is jobs.api.Run
assert not {"keras", "tensorflow", "jax", "torch"} & set(sys.modules), "Keras belongs to the workers"
assert all((files(name) / "py.typed").is_file() for name in ("shardscore", "jobs", "scoring", "cluster"))
assert (files("scoring.report") / "report.css").is_file()
print(shardscore.__version__, scoring.__file__)
"""


def test_packages_are_named_and_all_are() -> None:
    setuptools = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = [path.parent.relative_to(_ROOT) for name in _PACKAGES for path in (_ROOT / name).rglob("__init__.py")]
    assert setuptools["packages"] == [*sorted(".".join(folder.parts) for folder in folders), "shardscore"]
    assert {name for name, files in setuptools["package-data"].items() if "py.typed" in files} == {
        *_PACKAGES,
        "shardscore",
    }


@pytest.fixture(params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """The environment's Python, and where its modules come from."""
    python = new_environment(tmp_path / "environment")
    (tmp_path / "source").mkdir()
    source = copy_source(tmp_path / "source")
    if request.param == "wheel":
        pip_install(python, source)
        return python, str(tmp_path / "environment" / "lib")
    pip_install(python, "--editable", source)
    return python, str(source)


def _print(folder: Path, *command: str | Path) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.ci
def test_an_installed_package_is_imported_and_run_from_any_folder(installed: tuple[Path, str], tmp_path: Path) -> None:
    python, where = installed
    version, origin = _print(tmp_path, python, "-c", _LOOK).split()
    assert version == __version__
    assert origin.startswith(where)
    assert _print(tmp_path, python.with_name("shardscore"), "--version").strip() == __version__
    assert _print(tmp_path, python, "-m", "jobs", "--version").strip() == __version__


@pytest.mark.ci
def test_the_folder_that_a_job_ships_needs_no_install(tmp_path: Path) -> None:
    python = new_environment(tmp_path / "environment")
    shipped = tmp_path / "shipped"
    for name, package in shipped_packages().items():
        shutil.copytree(package, shipped / name, ignore=shutil.ignore_patterns("__pycache__"))
    version, origin = _print(shipped, python, "-c", _LOOK).split()
    assert version == __version__
    assert origin.startswith(str(shipped))
    assert _print(shipped, python, "-m", "jobs", "--version").strip() == __version__


@pytest.mark.parametrize("file", ["scoring.py", "cluster.py", "jobs.py", "jobs/__init__.py", "scoring/__init__.py"])
def test_a_users_own_module_that_hides_one_of_ours_is_named_and_not_run(file: str, tmp_path: Path) -> None:
    installed, here = tmp_path / "installed", tmp_path / "here"
    shutil.copytree(_ROOT / "jobs" / "api", installed / "shardscore")
    for package in _PACKAGES:
        (installed / package).mkdir()
        (installed / package / "__init__.py").touch()
    (here / file).parent.mkdir(parents=True)
    (here / file).write_text("raise SystemExit('it was run')")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(1, {str(installed)!r}); import shardscore"]
    ended = subprocess.run(command, cwd=here, capture_output=True, text=True, env={})
    name = Path(file).parts[0].removesuffix(".py")
    assert ended.stderr.endswith(
        f"ImportError: Expected shardscore's own package {name!r}; {here / file} hides it. Rename that, or start "
        "Python in another folder.\n"
    )
