"""What a job does on nodes that do not see the same files, and on a cluster that adds nodes."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from scoring.run.folder import RunFolder
from tests.ray_processes import free_port, ray_head, ray_node, without_disk
from tests.runs import read_predictions, record_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Six pictures in a zip, beside what the fast scorer of the chaos suite looks for."""
    (tmp_path / "weights").touch()
    zipfile.ZipFile(tmp_path / "model.keras", "w").close()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as photos:
        for number in range(6):
            Image.new("RGB", (5, 4), (40 * number,) * 3).save(tmp_path / "picture.png")
            photos.write(tmp_path / "picture.png", f"{number}.png")
    return tmp_path / "photos.zip"


def _score(
    archive: Path, output: Path, address: str, *options: object, shard_size: int = 1
) -> subprocess.CompletedProcess[str]:
    """Run `shardscore score` with a network that is fast, on a cluster."""
    model = ("--model", archive.with_name("model.keras"), "--labels", "cat,dog", "--precision", "float32")
    where = ("--images", archive, "--output", output, "--shard-size", shard_size, "--address", address)
    command = [sys.executable, "-m", "tests.chaos.driver", "score", *where, *model, *options]
    return subprocess.run([str(word) for word in command], cwd=_ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture
def half_blind(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A cluster whose second node has a disk of its own at a path; yields its address, and that path."""
    private = tmp_path / "private"
    private.mkdir()
    before = without_disk(private)
    with ray_head("--num-cpus", "1") as address, ray_node(address, "--num-cpus", "1", before=before):
        yield address, private


def test_what_one_node_cannot_see_is_refused_by_name_and_what_all_see_is_scored(
    half_blind: tuple[str, Path], archive: Path, tmp_path: Path
) -> None:
    address, private = half_blind
    refused = _score(archive, private / "run", address)
    assert refused.returncode == 2, refused.stderr
    host = os.uname().nodename
    assert f"error: Expected every node to see --output; {host} cannot see {private / 'run'}" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not list((private / "run" / "predictions").iterdir())

    scored = _score(archive, tmp_path / "run", address, "--actors", 2)
    assert scored.returncode == 0, scored.stdout + scored.stderr
    assert len(read_predictions(RunFolder(tmp_path / "run").predictions)) == 6


def _table_of_photos(table: Path, folders: list[Path]) -> Path:
    """Twelve pictures, in these folders in turns, and the table that names them."""
    paths = [folders[number % len(folders)] / f"{number}.png" for number in range(12)]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (5, 4), (20 * number,) * 3).save(path)
    pq.write_table(pa.table({"path": list(map(str, paths))}), table)
    return table


def test_a_node_that_has_a_table_and_not_its_photos_is_refused_and_one_that_lacks_some_leaves_those_to_others(
    half_blind: tuple[str, Path], archive: Path, tmp_path: Path
) -> None:
    address, private = half_blind
    table = _table_of_photos(archive.with_name("all.parquet"), [private])
    refused = _score(table, tmp_path / "refused", address, "--actors", 2)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert f"Expected every node to see --images; {os.uname().nodename} cannot see {private}/0.png" in refused.stderr

    folders = [tmp_path / "shared", private]  # of twelve, each other one is compared
    half = _table_of_photos(archive.with_name("half.parquet"), folders)
    scored = _score(half, tmp_path / "run", address, "--actors", 2)
    assert scored.returncode == 0, scored.stdout + scored.stderr
    rows = read_predictions(RunFolder(tmp_path / "run").predictions)
    assert rows["status"].to_pylist() == ["ok"] * 12

    for photo in private.iterdir():
        photo.unlink()
    missing = _score(half, tmp_path / "missing", address, "--actors", 2)
    assert missing.returncode == 0, missing.stdout + missing.stderr
    rows = read_predictions(RunFolder(tmp_path / "missing").predictions)
    assert sorted(rows["status"].to_pylist()) == ["error"] * 6 + ["ok"] * 6


def test_shards_half_of_which_no_node_has_are_scored_on_many_nodes_and_may_be_tried_again(
    archive: Path, tmp_path: Path
) -> None:
    table = _table_of_photos(archive.with_name("half.parquet"), [tmp_path / "here", tmp_path / "gone"])
    for photo in (tmp_path / "gone").iterdir():
        photo.unlink()
    with ExitStack() as nodes:
        address = nodes.enter_context(ray_head("--num-cpus", "1"))
        for _ in range(3):
            nodes.enter_context(ray_node(address, "--num-cpus", "1"))
        for _ in range(2):
            scored = _score(table, tmp_path / "run", address, "--actors", 4, shard_size=4)
            assert scored.returncode == 0, scored.stdout + scored.stderr
            rows = read_predictions(RunFolder(tmp_path / "run").predictions)
            assert sorted(rows["status"].to_pylist()) == ["error"] * 6 + ["ok"] * 6
            summary = record_of(tmp_path / "run").summary
            assert summary
            assert summary.num_repeats <= 9, "each shard refused, as its copy was, and done, and copied once more"


@pytest.fixture(params=["first", "second"])
def autoscaling(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A head without cores, and Ray's first or second autoscaler, which adds nodes of one GPU to it; its address."""
    port, head_id = free_port(), "f" * 51 + "00000"
    fake = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
    one_gpu = {"CPU": 1, "GPU": 1, "object_store_memory": 10**8}
    empty: dict[str, list[object]] = {name: [] for name in _EMPTY_LISTS}
    config = {
        "cluster_name": "fake",
        "max_workers": 2,
        "idle_timeout_minutes": 5,
        "provider": {
            "type": "external",  # as `fake_multinode`, whose example file Ray's wheel lacks
            "module": fake,
            "launch_multiple": True,
            "head_node_id": head_id,
            "gcs_address": f"127.0.0.1:{port}",
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "use_node_id_as_ip": True,
        },
        "auth": {},
        "file_mounts": {},
        **empty,
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "gpu": {"resources": one_gpu, "node_config": {}, "max_workers": 2},
        },
    }
    (tmp_path / "cluster.json").write_text(json.dumps(config))
    environment = {**os.environ, "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1"}
    if request.param == "second":
        names = {"RAY_CLOUD_INSTANCE_ID": head_id, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": head_id}
        environment |= {"RAY_enable_autoscaler_v2": "1", "RAY_NODE_TYPE_NAME": "ray.head.default", **names}
    options = ("--num-cpus", "0", "--autoscaling-config", str(tmp_path / "cluster.json"))
    with ray_head(*options, environment=environment, port=port) as address:
        yield address


_EMPTY_LISTS = (
    *("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"),
    *("head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files", "rsync_exclude", "rsync_filter"),
)


def test_autoscaling_cluster_without_workers_gets_the_nodes_that_actors_ask_for(
    autoscaling: str, archive: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    vague = _score(archive, tmp_path / "run", autoscaling)
    assert vague.returncode == 2
    assert "error: The cluster has no room for an actor yet" in vague.stderr

    scored = _score(archive, tmp_path / "run", autoscaling, "--gpus-per-actor", 1, "--actors", 2)
    assert scored.returncode == 0, scored.stdout + scored.stderr
    assert "room for 0 of them now; the others wait for nodes to join" in scored.stdout
    assert len(read_predictions(RunFolder(tmp_path / "run").predictions)) == 6
    devices = record_of(tmp_path / "run").devices
    assert devices
    assert all(device.gpu_ids == ("0",) for device in devices)

    if "second" in request.node.name:  # the first tells nobody what it cannot place
        refused = _score(archive, tmp_path / "run", autoscaling, "--gpus-per-actor", 8)
        assert refused.returncode == 2, refused.stderr
        assert "8 GPUs and 1 CPUs for an actor; the cluster's autoscaler has none to add" in refused.stderr
