"""A model on a server that speaks Hugging Face's protocol, scored by the command in an empty home."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_servers import HubContent, HuggingFaceHandler, serve
from tests.models import save_brightness_model

pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras]


def test_model_of_a_hub_is_fetched_once_and_named_by_its_commit(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    content = HubContent({"someone/bright": {"b.keras": save_brightness_model(tmp_path / "b.keras").read_bytes()}})
    words = ("score", "--images", photos, "--model", "hf://someone/bright", "--labels", "dark,bright", "--output")
    command = [sys.executable, "-m", "jobs", *map(str, words), str(tmp_path / "run"), "--actors", "2"]
    with serve(HuggingFaceHandler, content) as address:
        here = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
        ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **here})
    assert ended.returncode == 0, ended.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["request"]["model"]["model"] == f"hf://someone/bright@{'0' * 40}/b.keras"
    assert record["summary"]["num_images"] == 12
    assert content.asked.count(f"GET /someone/bright/resolve/{'0' * 40}/b.keras") == 1
