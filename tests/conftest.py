"""Fixtures for all tests: a home of their own, the real data where it lies, and a small Ray cluster."""

import logging
import os
import secrets
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from scoring.storage.locations import Url
from tests.ray_processes import BESIDE_OTHERS

T = TypeVar("T")

_DATA = Path(os.environ.get("SHARDSCORE_DATA", Path(__file__).parents[2] / "shared" / "data"))

_LONGEST_SPELLED = 16  # bytes in the name of a test; the smallest gzip, which holds the time, has 20


def pytest_configure(config: pytest.Config) -> None:
    """Keep the user's home out of it, before collection: Ray reads its authentication mode when imported."""
    # What a shell starts in the background ignores Ctrl-C, under nohup SIGHUP too: so would drivers that tests stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    home = tempfile.TemporaryDirectory(prefix="shardscore-tests-")
    config.add_cleanup(home.cleanup)
    os.environ |= {
        "HOME": home.name,
        "KERAS_HOME": f"{home.name}/.keras",
        "OPENBLAS_NUM_THREADS": "1",  # NumPy's threads wait for one another in a loop: 14 s, not 1, where others work
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three processes for the whole default run, whose tests wait a third of their time; this one for some, or `-s`."""
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    usual = config.getoption("markexpr") in config.getini("addopts") and config.getoption("capture") != "no"
    return 3 if whole and usual else 0


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Files are numbered, not spelled: archives hold the time, and processes that share tests must name them alike."""
    return argname if isinstance(val, bytes) and len(val) > _LONGEST_SPELLED else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that share a Ray to one process, and begin with what takes longest, so that all end together."""
    groups = [_group(item) for item in items]
    marked = {(group, mark.name) for item, group in zip(items, groups, strict=True) for mark in item.iter_markers()}
    for item, group in zip(items, groups, strict=True):
        item.add_marker(pytest.mark.xdist_group(group))
    order = {one: (one != "ray", *((one, mark) not in marked for mark in ("ray", "keras"))) for one in groups}
    items.sort(key=lambda item: order[_group(item)])


def _group(item: pytest.Item) -> str:
    """Tests of one group are run by one process: the short ones of the Ray that most share, or those of a file."""
    shares_ray = "two_nodes" in getattr(item, "fixturenames", ()) and item.get_closest_marker("ci") is None
    return "ray" if shares_ray else str(item.path)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real photos, odd images and sonar returns."""
    if not _DATA.is_dir():
        pytest.skip(f"no real data: set SHARDSCORE_DATA, or put it at {_DATA}")
    return _DATA


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve small pictures named 1.png to 12.png, each of one grey, brighter from one to the next."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(1, 13):
        Image.new("RGB", (8, 6), (number * 20,) * 3).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """A server that answers as S3 does; its endpoint."""
    from tests.buckets import s3_server

    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3: str) -> Url:
    """An empty bucket."""
    from tests.buckets import new_bucket

    return new_bucket()


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes on this machine, with two and one pretended GPUs (a T4), two cores each."""
    import ray
    from ray.cluster_utils import Cluster

    soon = {"metrics_report_interval_ms": 1000}
    head = {"num_cpus": 2, "num_gpus": 2, "_system_config": soon, **BESIDE_OTHERS}
    cluster = _in_time(lambda: Cluster(initialize_head=True, head_node_args=head))
    _in_time(lambda: cluster.add_node(num_cpus=2, num_gpus=1, resources={"accelerator_type:T4": 1}))
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    yield cluster
    ray.shutdown()
    cluster.shutdown()  # type: ignore[no-untyped-call]


def _in_time(start: Callable[[], T]) -> T:
    """What `start` makes, with a second try for a node that gives itself up: 15 s are little where tests run beside."""
    try:
        return start()
    except Exception as error:
        if "timed out during startup" not in str(error):
            raise
    return start()
