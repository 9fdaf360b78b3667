"""Converting, quantising and scoring outside pytest, which libraries look for before they report home."""

import sys
from pathlib import Path

import pytest

from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.models import save_brightness_model
from tests.watched import Watched, can_trace

pytestmark = pytest.mark.ci

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
# What compiled code does, and Python does not see. 203.0.113.1 is nobody's (RFC 5737), and UDP sends nothing by this.
_COMPILED = """
import ctypes, socket, struct
libc, there = ctypes.CDLL(None), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
address = struct.pack("=H", socket.AF_INET) + struct.pack(">H4B8x", 443, 203, 0, 113, 1)
libc.connect(there.fileno(), address, len(address))
"""


def _conversion(mute: str) -> list[str]:
    for package in ("openvino", "nncf", "MNN"):
        pytest.importorskip(package)
    return [sys.executable, "-c", _CONVERT.replace("MUTE", mute)]


@pytest.mark.keras
def test_nothing_leaves_the_machine_while_a_network_is_converted_and_quantised(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    assert watched.run(_conversion("mute_telemetry()")) == []
    assert (watched.work / "network.mnn").exists()
    assert not (watched.home / "intel").exists(), "nor is the user's consent written down"


@pytest.mark.keras
def test_the_same_does_leave_where_nothing_is_muted(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    attempts = Watched(tmp_path).run(_conversion(""))
    assert any("google-analytics" in attempt for attempt in attempts), attempts


def test_what_python_does_not_see_is_seen_by_strace(tmp_path: Path) -> None:
    expected = ["connect 203.0.113.1"] if can_trace() else []
    assert Watched(tmp_path).run([sys.executable, "-c", _COMPILED]) == expected


def test_names_that_are_looked_up_are_seen(tmp_path: Path) -> None:
    lookup = "import socket\ntry: socket.create_connection(('example.com', 443))\nexcept OSError: pass"
    assert Watched(tmp_path).run([sys.executable, "-c", lookup]) == ["socket.getaddrinfo example.com"]


@pytest.mark.keras
@pytest.mark.ray
@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(("openvino", "int8"), id="openvino-int8"),
        pytest.param(("mnn", "float32"), id="mnn-float32", marks=pytest.mark.slow),
        pytest.param(("keras", "float32"), id="keras-float32", marks=pytest.mark.slow),
    ],
)
def test_nothing_leaves_the_machine_while_a_cluster_starts_and_images_are_scored(
    tmp_path: Path, photos: Path, engine: tuple[str, str]
) -> None:
    """Workers inherit what watches the command."""
    model = save_brightness_model(tmp_path / "bright.keras")
    options = ("--labels", "dark,bright", "--engine", engine[0], "--precision", engine[1], "--actors", "1")
    words = ("score", "--images", photos, "--model", model, *options, "--output", tmp_path / "run")
    assert Watched(tmp_path).run([sys.executable, "-m", "jobs", *map(str, words)]) == []
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete
