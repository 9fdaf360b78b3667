"""Against a server on this machine; each process of its own, since huggingface_hub reads its settings when imported."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import ModelError
from scoring.networks.hubs.hugging_face import HuggingFaceName, parse
from scoring.networks.keras_files import keras_digest
from tests.hub_servers import HubContent, HuggingFaceHandler, serve

_ROOT = Path(__file__).parents[4]
_UNPACKED = {"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"weights"}
_RESOLVE = """
import json, sys
from scoring.errors import ScoringError
from scoring.networks.hubs.registry import resolve
for name in sys.argv[1:]:
    try:
        model = resolve(name)
        print(json.dumps([str(model.path), model.pinned]))
    except ScoringError as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""


def _keras_file(content: bytes = b"weights") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in (_UNPACKED | {"model.weights.h5": content}).items():
            archive.writestr(zipfile.ZipInfo(name), part)  # of one date
    return file.getvalue()


class _Hub:
    """A hub, and processes that look for models on it."""

    def __init__(self, address: str, content: HubContent, home: Path) -> None:
        self.content = content
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        here = {"HF_ENDPOINT": address, "HF_HOME": str(home / "hf"), "KERAS_HOME": str(home / "keras")}
        self.environment = kept | here | {"HOME": str(home), "AGENT": "codex"}

    def resolve(self, *names: str, **environment: str) -> list[Any]:
        ended = subprocess.run(
            [sys.executable, "-c", _RESOLVE, *names],
            cwd=_ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == ""
        return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[_Hub]:
    """A hub with one model, and an empty home."""
    pytest.importorskip("huggingface_hub")
    content = HubContent({"someone/cats": {"README.md": b"cats", "cats.keras": _keras_file()}})
    with serve(HuggingFaceHandler, content) as address:
        yield _Hub(address, content, tmp_path)


def test_names_are_taken_apart() -> None:
    assert parse("hf://a-b/c.d_e") == HuggingFaceName("a-b/c.d_e", None, None)
    assert parse("hf://a/b/sub/c.keras") == HuggingFaceName("a/b", None, "sub/c.keras")
    assert parse("hf://a/b@v1.0/c.keras") == HuggingFaceName("a/b", "v1.0", "c.keras")


@pytest.mark.parametrize("name", ["hf://", "hf://a", "hf://a/b/", "hf://a/b/c.h5", "hf://user:secret@host/a/b"])
def test_names_that_the_hub_cannot_have_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"Expected a model as hf://owner/name or hf://owner/name/file.keras"):
        parse(name)


def test_model_is_fetched_once_and_pinned_to_its_commit(hub: _Hub) -> None:
    ((path, pinned),) = hub.resolve("hf://someone/cats")
    assert Path(path).read_bytes() == _keras_file()
    assert pinned == f"hf://someone/cats@{'0' * 40}/cats.keras"
    files = f"/someone/cats/resolve/{'0' * 40}/cats.keras"
    assert hub.content.asked == ["GET /api/models/someone/cats", f"HEAD {files}", f"GET {files}"]
    hub.content.asked.clear()
    assert hub.resolve("hf://someone/cats", "hf://someone/cats/cats.keras") == [[path, pinned]] * 2
    assert hub.content.asked == ["GET /api/models/someone/cats"] * 2, "nothing but which commit is the last"


def test_pinned_model_needs_no_hub_once_it_is_here(hub: _Hub) -> None:
    ((path, pinned),) = hub.resolve("hf://someone/cats")
    hub.content.is_down = True
    hub.content.asked.clear()
    assert hub.resolve(pinned) == [[path, pinned]]
    assert hub.content.asked == []


def test_file_of_the_right_size_and_another_checksum_is_not_kept(hub: _Hub) -> None:
    hub.content.damaged = b"x" * len(_keras_file())
    ((kind, message),) = hub.resolve("hf://someone/cats")
    assert kind == "DownloadError"
    assert message.startswith("Downloaded cats.keras of hf://someone/cats, but its checksum is not the one")
    hub.content.damaged = None
    ((path, _),) = hub.resolve("hf://someone/cats")
    assert Path(path).read_bytes() == _keras_file()


def test_pinned_model_stays_itself_when_another_is_published(hub: _Hub) -> None:
    ((path, pinned),) = hub.resolve("hf://someone/cats")
    hub.content.models["someone/cats"]["cats.keras"] = _keras_file(b"other weights")
    hub.content.commit = "1" * 40
    (first, second) = hub.resolve(pinned, "hf://someone/cats@main")
    assert first == [path, pinned]
    assert second[1] == f"hf://someone/cats@{'1' * 40}/cats.keras"
    assert keras_digest(Path(second[0])) != keras_digest(Path(path))


def test_processes_that_race_for_a_model_download_it_once(hub: _Hub) -> None:
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: hub.resolve("hf://someone/cats"), range(3)))
    assert found[0] == found[1] == found[2]
    assert hub.content.asked.count(f"GET /someone/cats/resolve/{'0' * 40}/cats.keras") == 1


def test_model_that_keras_saved_to_the_hub_is_packed_again(hub: _Hub) -> None:
    """`model.save("hf://someone/saved")` leaves the parts of a `.keras` archive."""
    hub.content.models["someone/saved"] = {"README.md": b"", **_UNPACKED}
    ((path, pinned), again) = hub.resolve("hf://someone/saved", "hf://someone/saved")
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == _UNPACKED
    assert pinned.endswith("/config.json")
    assert again == [path, pinned]
    hub.content.is_down = True
    assert hub.resolve(pinned) == [[path, pinned]]


def test_token_of_the_environment_is_used(hub: _Hub) -> None:
    hub.content.secret = "hf_secret"
    ((kind, message),) = hub.resolve("hf://someone/cats")
    assert kind == "ModelError"
    assert message.startswith("Expected hf://someone/cats to be a model that is there and that the token in HF_TOKEN")
    ((path, _),) = hub.resolve("hf://someone/cats", HF_TOKEN="hf_secret")
    assert Path(path).exists()


def test_what_is_no_one_model_is_refused_in_one_line(hub: _Hub) -> None:
    hub.content.models |= {
        "someone/two": {"a.keras": b"", "b.keras": b""},
        "someone/torch": {"model.safetensors": b"", "config.json": b""},
    }
    expected = {
        "hf://someone/two": "Expected one .keras file in hf://someone/two; found a.keras, b.keras. Name one: "
        "hf://someone/two/a.keras.",
        "hf://someone/torch": "Expected a .keras file in hf://someone/torch, or a model that Keras saved there; found "
        "config.json, model.safetensors.",
        "hf://nobody/cats": "Expected hf://nobody/cats to be a model that is there",
        "hf://someone/cats/dogs.keras": "Expected hf://someone/cats/dogs.keras to be a model that is there",
        "hf://someone/cats@old": "Expected hf://someone/cats@old to be a model that is there",
    }
    for (kind, message), start in zip(hub.resolve(*expected), expected.values(), strict=True):
        assert (kind, message[: len(start)]) == ("ModelError", start)
        assert "\n" not in message


def test_hub_that_cannot_be_reached_is_a_download_error(hub: _Hub) -> None:
    hub.content.is_down = True
    ((kind, message),) = hub.resolve("hf://someone/cats")
    assert (kind, message.partition(":")[0]) == ("DownloadError", "Cannot download hf")
    ((kind, message),) = hub.resolve("hf://someone/cats", HF_ENDPOINT="http://127.0.0.1:9")
    assert kind == "DownloadError"
    assert "\n" not in message
