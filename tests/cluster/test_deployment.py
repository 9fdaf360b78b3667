"""The files people deploy with: valid by the definitions they answer to, and of one version with the code."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import typer
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from typer.core import TyperGroup

from jobs.cli import app
from scoring import __version__
from tests.cluster.test_telemetry import MUTED_RAY

_ROOT = Path(__file__).parents[2]
_CLUSTER = _ROOT / "cluster"
_KUBERAY = sorted((_CLUSTER / "kuberay").glob("*.yaml"))
_LAUNCHER = sorted((_CLUSTER / "launcher").glob("*.yaml"))
_DEFINITIONS = {"RayJob": "ray.io_rayjobs.yaml", "RayCluster": "ray.io_rayclusters.yaml"}


def _load_all(path: Path) -> list[Any]:
    return list(yaml.load_all(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _load(path: Path) -> Any:
    """The last of a file's documents: what stands before it is for Kubernetes itself."""
    return _load_all(path)[-1]


def _close(schema: dict[str, Any]) -> dict[str, Any]:
    """A Kubernetes schema as a JSON schema that refuses what the API server would drop or refuse: unknown fields."""
    closed = dict(schema)
    if schema.get("x-kubernetes-int-or-string"):
        closed |= {"type": ["integer", "string"]}
        closed.pop("anyOf", None)
    if "properties" in schema:
        closed["properties"] = {name: _close(child) for name, child in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed["additionalProperties"] = False
    if isinstance(schema.get("additionalProperties"), dict):
        closed["additionalProperties"] = _close(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        closed["items"] = _close(schema["items"])
    return closed


@cache
def _validator(folder: Path, kind: str, version: str) -> jsonschema.Draft7Validator:
    definition = _load(folder / "kuberay" / _DEFINITIONS[kind])
    [schema] = [entry["schema"] for entry in definition["spec"]["versions"] if entry["name"] == version]
    closed = _close(schema["openAPIV3Schema"])
    closed["properties"]["metadata"] = {"type": "object", "required": ["name"]}  # checked by the API server itself
    return jsonschema.Draft7Validator(closed)


def _faults(folder: Path, manifest: dict[str, Any]) -> list[str]:
    group, version = manifest["apiVersion"].split("/")
    assert group == "ray.io"
    return [error.json_path for error in _validator(folder, manifest["kind"], version).iter_errors(manifest)]


@pytest.mark.parametrize("path", _KUBERAY, ids=lambda path: path.name)
def test_manifest_is_what_kuberay_defines(data_folder: Path, path: Path) -> None:
    assert _faults(data_folder, _load(path)) == []


def test_unknown_field_and_wrong_type_in_a_manifest_are_found(data_folder: Path) -> None:
    manifest = _load(_CLUSTER / "kuberay" / "rayjob-gpu.yaml")
    manifest["spec"]["backofLimit"] = 3
    manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplicas"] = "8"
    container = manifest["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    container["imagePullPolice"] = "Always"
    cluster = "$.spec.rayClusterSpec"
    assert sorted(_faults(data_folder, manifest)) == [
        "$.spec",
        f"{cluster}.headGroupSpec.template.spec.containers[0]",
        f"{cluster}.workerGroupSpecs[0].maxReplicas",
    ]


def _clusters() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, whole manifest and cluster part of every Kubernetes file."""
    for path in _KUBERAY:
        manifest = _load(path)
        yield path.name, manifest, manifest["spec"].get("rayClusterSpec", manifest["spec"])


def _groups(cluster: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Group, pod and container of the head and of each kind of worker."""
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        [container] = pod["containers"]
        yield group, pod, container


def test_head_takes_no_work_and_every_pod_is_non_root_without_more_rights() -> None:
    for name, _, cluster in _clusters():
        assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0", name
        assert cluster["authOptions"]["mode"] == "token", name
        autoscaler = cluster["autoscalerOptions"]["securityContext"]
        for group, pod, container in _groups(cluster):
            assert pod["securityContext"]["runAsNonRoot"] is True, name
            assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
            for context in (container["securityContext"], autoscaler):
                assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}, name
            limits = container["resources"]["limits"]
            assert limits == container["resources"]["requests"], name
            assert ("nvidia.com/gpu" in limits) == (group.get("groupName") == "gpu"), name


def test_pods_have_the_shared_volume_or_an_account_that_reaches_the_bucket() -> None:
    for name, _, cluster in _clusters():
        for _, pod, container in _groups(cluster):
            [volume], [mount] = pod["volumes"], container["volumeMounts"]
            assert volume["name"] == mount["name"], name
            assert _variables(container)["KERAS_HOME"].startswith(f"{mount['mountPath']}/"), name
            if name == "rayjob-bucket.yaml":
                [account, _] = _load_all(_CLUSTER / "kuberay" / name)
                assert (account["apiVersion"], account["kind"]) == ("v1", "ServiceAccount")
                assert pod["serviceAccountName"] == account["metadata"]["name"]
                assert "emptyDir" in volume
                assert "AWS_REGION" in _variables(container)
            else:
                assert mount["mountPath"] == "/shared"
                assert volume["persistentVolumeClaim"], name


def _variables(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def test_probes_and_shared_memory_are_left_to_kuberay() -> None:
    for name, _, cluster in _clusters():
        for _, pod, container in _groups(cluster):
            assert not {"livenessProbe", "readinessProbe", "startupProbe"} & set(container), name
            assert "/dev/shm" not in [mount["mountPath"] for mount in container["volumeMounts"]], name
            assert "Memory" not in [volume.get("emptyDir", {}).get("medium") for volume in pod["volumes"]], name


def test_pods_are_as_large_as_what_actors_ask_for() -> None:
    for name, manifest, cluster in _clusters():
        if manifest["kind"] != "RayJob":
            continue
        asked = _parameters(name, manifest)
        [group] = cluster["workerGroupSpecs"]
        [(_, _, container)] = list(_groups(cluster))[1:]
        requests = container["resources"]["requests"]
        actors_per_pod, rest = divmod(float(requests["cpu"]), asked["cpus_per_actor"])
        assert rest == 0, f"{name}: cores that no actor takes"
        assert float(requests.get("nvidia.com/gpu", 0)) == actors_per_pod * (asked["gpus_per_actor"] or 0), name
        assert asked["actors"] == group["maxReplicas"] * actors_per_pod, f"{name}: as many actors as pods can hold"


def test_workers_autoscale_and_jobs_shut_down_after_themselves() -> None:
    kinds = []
    for name, manifest, cluster in _clusters():
        kinds.append(manifest["kind"])
        assert cluster["enableInTreeAutoscaling"] is True, name
        assert all(group["minReplicas"] < group["maxReplicas"] for group in cluster["workerGroupSpecs"]), name
        if manifest["kind"] == "RayJob":
            assert manifest["spec"]["shutdownAfterJobFinishes"] is True
            assert manifest["spec"]["backoffLimit"] > 0
            assert manifest["spec"]["activeDeadlineSeconds"] > 3600
            assert "--overwrite" not in manifest["spec"]["entrypoint"], "a retry would begin from nothing"
    assert sorted(kinds) == ["RayCluster", "RayJob", "RayJob", "RayJob"]


def _parameters(name: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """What shardscore understands of a job's entry point."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    python, m, module, command, *arguments = shlex.split(manifest["spec"]["entrypoint"])
    assert [python, m, module] == ["python", "-m", "jobs"], name
    parser = group.get_command(typer.Context(group), command)
    assert parser is not None, name
    return parser.make_context(command, arguments).params


def test_entry_points_are_command_lines_that_shardscore_takes() -> None:
    for name, manifest, _ in _clusters():
        if manifest["kind"] == "RayJob":
            place = "s3://BUCKET/" if name == "rayjob-bucket.yaml" else "/shared/"
            parameters = _parameters(name, manifest)
            assert str(parameters["output"]).startswith(place), name
            assert str(parameters["images"]).startswith(place), name


def test_files_that_are_deployed_are_of_this_version() -> None:
    release = Version(__version__).base_version
    deployed = [*_KUBERAY, *_LAUNCHER, _CLUSTER / "Dockerfile", _CLUSTER / "README.md"]
    for path in deployed:
        named = set(re.findall(r"/shardscore:([\d.]+)", path.read_text()))
        assert named == {release}, f"{path.name} names the image of {named}"


@pytest.mark.parametrize("path", _LAUNCHER, ids=lambda path: path.name)
def test_launcher_file_is_what_ray_up_takes(path: Path) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = _load(path)
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    validate_config(prepare_config(config))
    head, worker = config["available_node_types"]["head"], config["available_node_types"]["gpu"]
    assert head["resources"]["CPU"] == 0
    assert "--num-cpus=0" in config["head_start_ray_commands"][-1]
    assert worker["resources"]["GPU"] == 1
    assert worker["min_workers"] < worker["max_workers"] <= config["max_workers"]
    assert "RAY_AUTH_MODE=token" in config["docker"]["run_options"][0]
    account = "IamInstanceProfile" if config["provider"]["type"] == "aws" else "serviceAccounts"
    assert account in worker["node_config"], "workers without an account cannot write to the bucket"
    if config["provider"]["type"] == "aws":
        assert f"--env AWS_REGION={config['provider']['region']}" in config["docker"]["run_options"]


def test_launcher_files_are_for_aws_and_google() -> None:
    assert [_load(path)["provider"]["type"] for path in _LAUNCHER] == ["aws", "gcp"]


def _locked() -> dict[str, Version]:
    lock = (_CLUSTER / "requirements.txt").read_text()
    return {name: Version(version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)}


def test_lock_holds_what_pyproject_asks_for() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    locked = _locked()
    extras = re.findall(r"--extra (\S+)", (_CLUSTER / "requirements.txt").read_text().splitlines()[1])
    assert {"gpu", "openvino", "mnn"} <= set(extras), "engines that a job of the cluster may name"
    wished = [text for extra in extras for text in project["optional-dependencies"][extra]]
    for text in (*project["dependencies"], *wished):
        wanted = Requirement(text)
        assert wanted.name.lower().replace("_", "-") in locked, (
            f"{wanted.name}: lock again, with the command at its top"
        )
        assert wanted.specifier.contains(locked[wanted.name.lower().replace("_", "-")]), f"{text}: another is locked"
    assert "nvidia-cudnn-cu12" in locked, "TensorFlow's CUDA libraries"


def test_lock_has_a_hash_for_every_file_and_names_no_registry() -> None:
    lines = (_CLUSTER / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
    packages = [line for line in lines if line.strip() and not line.startswith("#")]
    assert len(packages) > 80
    assert all(re.fullmatch(r"\S+==\S+( *--hash=sha256:[0-9a-f]{64})+ *", line) for line in packages)
    assert "://" not in "".join(lines)


def test_image_and_manifests_run_the_ray_that_is_locked() -> None:
    version = str(_locked()["ray"])
    dockerfile = (_CLUSTER / "Dockerfile").read_text()
    assert f"FROM rayproject/ray:{version}-py311-gpu\n" in dockerfile
    assert {cluster["rayVersion"] for _, _, cluster in _clusters()} == {version}


@pytest.mark.parametrize(("name", "value"), MUTED_RAY.items())
def test_no_cluster_reports_its_use_to_ray(name: str, value: str) -> None:
    """A Ray of these settings is watched in tests/cluster/test_telemetry.py."""
    assert f"\nENV {name}={value}\n" in (_CLUSTER / "Dockerfile").read_text()
    for place, _, cluster in _clusters():
        for _, _, container in _groups(cluster):
            assert {"name": name, "value": value} in container["env"], place
    for path in _LAUNCHER:
        assert f"--env {name}={value}" in _load(path)["docker"]["run_options"], path.name


def test_image_is_not_run_by_root() -> None:
    users = re.findall(r"^USER (\S+)", (_CLUSTER / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert all(user.isdigit() and int(user) > 0 for user in users), "a number, so that runAsNonRoot can be checked"
