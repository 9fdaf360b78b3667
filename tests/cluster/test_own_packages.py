import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import own_packages
from tests.source_tree import ROOT

_ALL = ["cluster.py", "jobs.py", "scoring/__init__.py"]


def _lay(folder: Path, *names: str) -> str:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise SystemExit('a module of the user')")
    return str(folder)


@pytest.fixture
def ours(tmp_path: Path) -> str:
    return _lay(tmp_path / "ours", "cluster/own_packages.py", "jobs/__init__.py", "scoring/__init__.py")


@pytest.mark.parametrize("names", [["scoring.py"], ["cluster.py", "scoring/__init__.py"], ["jobs/night.slurm"], _ALL])
def test_a_folder_with_modules_of_our_names_is_looked_in_behind_ours(
    names: list[str], ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, plain = _lay(tmp_path / "theirs", *names), _lay(tmp_path / "plain", "numbers.py")
    monkeypatch.setattr(sys, "path", [theirs, plain, ours, "/nowhere"])
    own_packages.find_first()
    assert sys.path == [plain, ours, theirs, "/nowhere"]


def test_ours_are_put_on_the_path_where_they_are_found_another_way(
    ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = _lay(tmp_path / "theirs", "scoring.py")
    monkeypatch.setattr(own_packages, "_ROOT", ours)
    monkeypatch.setattr(sys, "path", [theirs, "/nowhere"])
    own_packages.find_first()
    assert sys.path == ["/nowhere", ours, theirs]


def test_the_path_stays_where_ours_come_first_or_are_nowhere(
    ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = _lay(tmp_path / "theirs", "scoring.py")
    monkeypatch.setattr(own_packages, "_ROOT", str(tmp_path / "another machine's"))
    for path in ([ours, theirs], [theirs], [], ["/nowhere", ours]):
        monkeypatch.setattr(sys, "path", list(path))
        own_packages.find_first()
        assert sys.path == path


_DRIVER = """
import subprocess
from cluster.light_task import LightTask
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.session import open_session
from cluster.work import function_recipe
from scoring.process.child_process import child_command, child_environment
from scoring.process.steady_time import steady_time

def child():
    return subprocess.run(child_command("scoring.process.steady_time"), env=child_environment()).returncode

def work(task):
    import cluster, jobs, scoring
    return steady_time() > task and [module.__file__ for module in (cluster, jobs, scoring)], child()

with open_session(None):
    with WorkerPool(function_recipe(lambda: work), Placement(1, 0, 1)) as pool:
        [done] = pool.run([1])
    for files, ended in (done.result, LightTask(work, 1).result()):
        print(*files, ended, sep="\\n")
"""


@pytest.mark.ci
@pytest.mark.ray
def test_a_users_own_modules_of_our_names_are_run_in_no_worker_and_in_none_of_its_children(tmp_path: Path) -> None:
    _lay(tmp_path, *_ALL)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "driver.py").write_text(_DRIVER)
    command, environment = [sys.executable, "bin/driver.py"], {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    files = [str(ROOT / name / "__init__.py") for name in ("cluster", "jobs", "scoring")]
    assert ended.stdout.split() == [*files, "0", *files, "0"]
