"""The walls of DESIGN.md: jobs -> {scoring, cluster}; Ray only in cluster; Keras only where a model runs.

Within `scoring` and `jobs` doors between rooms go one way, from the bottom up: a room imports from earlier ones alone.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.source_tree import ROOT, find_modules, imported_modules, imported_names

_KERAS = {"keras", "tensorflow", "jax", "torch"}
# Each is imported where Keras runs on that backend: jax, as Keras' own way waits for outputs.
_MAY = {"scoring.networks.jax_forward": {"jax"}, "scoring.networks.tensorflow_forward": {"tensorflow"}}
_FORBIDDEN = {
    "scoring": {"jobs", "cluster", "ray"} | _KERAS - {"keras"},
    "cluster": {"jobs", "scoring"} | _KERAS,
    "jobs": {"ray"} | _KERAS,
}

# From the bottom up. A step holds rooms (folders) or single files; those of one step do not import each other.
_STEPS = {
    "scoring": (
        *("errors arrays", "process", "storage", "pixels", "sources", "networks", "run", "quality", "models", "shards"),
        *("finetuning", "sonar", "submissions", "report", "bench"),
    ),
    "jobs": (
        *("console", "score", "embed", "finetune", "bench", "report sonar status submission submit", "demo"),
        *("results", "api", "cli", "entry", "__main__"),
    ),
}
_FILES_AT_ROOT = {"__init__.py", "errors.py", "arrays.py"}  # of scoring


def crossings(root: Path) -> list[str]:
    """Name each import below `root` that goes through a wall or up the steps, and each room that has no step."""
    modules = find_modules(root)
    found = []
    for module, path in modules.items():
        package = module.split(".")[0]
        forbidden = _FORBIDDEN[package] - _MAY.get(module, set())
        walled = (name for name in imported_names(path, module) if name.split(".")[0] in forbidden)
        found += [f"{module} imports {name}: {package} must not" for name in walled]
        if package in _STEPS:
            found += _doors(module, imported_modules(path, module, modules))
    return found


def _doors(module: str, imported: Iterable[str]) -> list[str]:
    """Name what a module imports from rooms of its own package that are not below its own."""
    package, room = module.split(".")[0], _room(module)
    steps = {name: number for number, step in enumerate(_STEPS[package], start=1) for name in step.split()}
    steps[package] = 0  # the package itself imports nothing, and all may import it
    if room not in steps:
        return [f"{module} is in the room {room}, which has no step in {package}"]
    others = {other: _room(other) for other in sorted(imported) if other.split(".")[0] == package}
    return [
        f"{module} imports {other}: {room} is not above it"
        for other, at in others.items()
        if at != room and steps.get(at, 0) >= steps[room]
    ]


def _room(module: str) -> str:
    """The folder or file at the root of its package in which a module is; the package's own name for itself."""
    package, *inner = module.split(".")
    return inner[0] if inner else package


def test_no_import_goes_through_a_wall_or_up_the_steps() -> None:
    found = crossings(ROOT)
    assert not found, "\n".join(found)


def test_only_errors_and_arrays_stand_at_the_root_of_scoring() -> None:
    assert {path.name for path in (ROOT / "scoring").glob("*.py")} == _FILES_AT_ROOT


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("scoring/pixels/decoding.py", "from scoring.run.lease import Lease", "scoring.run.lease: pixels is not above"),
        ("scoring/pixels/decoding.py", "import scoring.run.lease as lease", "scoring.run.lease: pixels is not above"),
        ("scoring/pixels/decoding.py", "from scoring.run import lease", "scoring.run.lease: pixels is not above"),
        ("scoring/pixels/decoding.py", "from ..run import lease", "scoring.run.lease: pixels is not above"),
        ("scoring/pixels/decoding.py", "def f():\n    import scoring.run.lease", "scoring.run.lease: pixels is not"),
        ("scoring/pixels/decoding.py", "if TYPE_CHECKING:\n    import scoring.run", "scoring.run: pixels is not above"),
        ("scoring/errors.py", "from scoring.arrays import UInt8Array", "scoring.arrays: errors is not above"),
        ("scoring/__init__.py", "from scoring.run import lease", "scoring.run.lease: scoring is not above"),
        ("scoring/utils/lists.py", "import os", "scoring.utils.lists is in the room utils, which has no step"),
        ("scoring/pixels/decoding.py", "import cluster.pool", "cluster.pool: scoring must not"),
        ("scoring/pixels/decoding.py", "from ray import init", "ray.init: scoring must not"),
        ("cluster/pool.py", "def f():\n    from scoring import errors", "scoring.errors: cluster must not"),
        ("cluster/pool.py", "import keras", "keras: cluster must not"),
        ("jobs/console/terminal.py", "from jobs.score.job import score", "jobs.score.job: console is not above"),
        ("jobs/score/job.py", "from jobs.report import report", "jobs.report: score is not above"),
        ("jobs/status.py", "from jobs.report import report", "jobs.report: status is not above"),
        ("jobs/report.py", "import jobs.cli", "jobs.cli: report is not above"),
    ],
)
def test_an_import_that_is_turned_round_is_named(tmp_path: Path, file: str, line: str, said: str) -> None:
    _write_tree(tmp_path)
    assert crossings(tmp_path) == []
    changed = tmp_path / file
    changed.parent.mkdir(exist_ok=True)
    changed.write_text(line)
    (crossing,) = crossings(tmp_path)
    assert said in crossing
    assert crossing.startswith(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))


def _write_tree(root: Path) -> None:
    """A small house in which every import goes down."""
    files = {
        "scoring/__init__.py": "",
        "scoring/errors.py": "",
        "scoring/arrays.py": "import numpy",
        "scoring/pixels/__init__.py": "",
        "scoring/pixels/decoding.py": "from scoring import errors",
        "scoring/run/__init__.py": "",
        "scoring/run/lease.py": "from scoring.pixels.decoding import decode",
        "cluster/pool.py": "import ray",
        "jobs/cli.py": "def run():\n    import jobs.report",
        "jobs/report.py": "from jobs.console import terminal\nimport jobs.score.job",
        "jobs/console/terminal.py": "from scoring.run.lease import Lease",
        "jobs/score/job.py": "from jobs.console.terminal import print_table\nimport cluster.pool",
    }
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source)


def _loaded(modules: Iterable[str], suspects: Sequence[str]) -> str:
    """Which of the suspects a new process has loaded after importing these modules."""
    code = f"import sys, {', '.join(modules)}; print([name for name in {suspects!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_importing_every_command_and_the_python_face_loads_no_keras() -> None:
    from jobs.cli import COMMANDS

    assert _loaded(["jobs.cli", "jobs.api", *COMMANDS.values()], ("keras", "tensorflow", "jax")) == "[]\n"


def test_score_does_not_wait_for_the_libraries_of_other_commands() -> None:
    others = ("aiohttp", "jinja2", "matplotlib", "pandas", "pydantic", "scipy", "sklearn")
    assert _loaded(["jobs.cli", "jobs.score.command"], others) == "[]\n"


def test_importing_scoring_loads_no_ray() -> None:
    assert _loaded(["scoring.shards.scorer", "scoring.submissions.submission"], ("ray",)) == "[]\n"
