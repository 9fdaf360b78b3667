"""Converting, quantising and scoring outside pytest, which libraries look for before they report home."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.models import save_brightness_model

pytestmark = pytest.mark.keras

_ROOT = Path(__file__).parents[3]
# Python imports this module in every process before anything else: it notes and refuses what leaves the machine.
_WATCH = """
import os, socket

def _watched(original, address_of):
    def watch(*arguments, **options):
        address = address_of(*arguments, **options)
        if address not in ("127.0.0.1", "::1", "localhost", "", None):
            with open(os.environ["WATCHED"], "a") as file:
                file.write(f"{original.__name__} {address}\\n")
            raise OSError("this process is watched")
        return original(*arguments, **options)
    return watch

def _peer(connection, *arguments):
    return None if connection.family == socket.AF_UNIX else arguments[-1][0]

class _Socket(socket.socket):
    connect = _watched(socket.socket.connect, _peer)
    connect_ex = _watched(socket.socket.connect_ex, _peer)
    sendto = _watched(socket.socket.sendto, _peer)

socket.socket = _Socket
socket.getaddrinfo = _watched(socket.getaddrinfo, lambda host, *_, **__: host)
socket.gethostbyname = _watched(socket.gethostbyname, lambda host: host)
"""
_CONVERT = """
import subprocess, sys
from scoring.process.telemetry import mute_telemetry
MUTE
import numpy, keras
network = keras.Sequential([
    keras.Input((32, 32, 3)),
    keras.layers.Conv2D(8, 3, activation="relu"),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(3, activation="softmax"),
])
network.export("network.xml", format="openvino", verbose=False)
import openvino, nncf
images = [numpy.full((1, 32, 32, 3), level, numpy.float32) for level in (0, 99, 255)]
nncf.quantize(openvino.Core().read_model("network.xml"), nncf.Dataset(images), subset_size=3)
network.export("network.tflite", format="litert", verbose=False)
convert = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)", "-f", "TFLITE"]
files = ["--modelFile", "network.tflite", "--MNNModel", "network.mnn", "--bizCode", "shardscore"]
subprocess.run([*convert, *files], check=True)
import MNN
MNN.Interpreter("network.mnn").createSession()
"""
_SIGNS_OF_TESTS = (
    *("CI", "TF_BUILD", "JENKINS_URL", "NNCF_CI", "NNCF_DEV", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"),
    *("HF_HUB_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED"),
)


def _attempts_to_leave(folder: Path, command: Sequence[str]) -> list[str]:
    """What a command and its children, in an empty home, try to reach."""
    for package in ("openvino", "nncf", "MNN"):
        pytest.importorskip(package)
    for name in ("home", "watch", "work"):
        (folder / name).mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(_WATCH)
    environment = {name: value for name, value in os.environ.items() if name not in _SIGNS_OF_TESTS}
    environment |= {
        "HOME": str(folder / "home"),
        "KERAS_HOME": str(folder / "home" / ".keras"),
        "PYTHONPATH": f"{folder / 'watch'}:{_ROOT}",
        "WATCHED": str(folder / "watched.txt"),
        "KERAS_BACKEND": "tensorflow",
    }
    ended = subprocess.run(command, cwd=folder / "work", env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return (folder / "watched.txt").read_text().splitlines() if (folder / "watched.txt").exists() else []


def _conversion(mute: str) -> list[str]:
    return [sys.executable, "-c", _CONVERT.replace("MUTE", mute)]


def test_nothing_leaves_the_machine_while_a_network_is_converted_and_quantised(tmp_path: Path) -> None:
    assert _attempts_to_leave(tmp_path, _conversion("mute_telemetry()")) == []
    assert (tmp_path / "work" / "network.mnn").exists()
    assert not (tmp_path / "home" / "intel").exists(), "nor is the user's consent written down"


def test_the_same_does_leave_where_nothing_is_muted(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    attempts = _attempts_to_leave(tmp_path, _conversion(""))
    assert any("google-analytics" in attempt for attempt in attempts), attempts


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("engine", [("openvino", "int8"), ("mnn", "float32"), ("keras", "float32")], ids="-".join)
def test_nothing_leaves_the_machine_while_a_cluster_starts_and_images_are_scored(
    tmp_path: Path, photos: Path, engine: tuple[str, str]
) -> None:
    """Workers inherit what watches the command."""
    model = save_brightness_model(tmp_path / "bright.keras")
    options = ("--labels", "dark,bright", "--engine", engine[0], "--precision", engine[1], "--actors", "1")
    words = ("score", "--images", photos, "--model", model, *options, "--output", tmp_path / "run")
    assert _attempts_to_leave(tmp_path, [sys.executable, "-m", "jobs", *map(str, words)]) == []
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete
