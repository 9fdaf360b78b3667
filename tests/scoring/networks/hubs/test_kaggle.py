"""Against a server on this machine that stands in for Kaggle and for its storage, as a proxy for both."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scoring.errors import DownloadError, ModelError
from scoring.networks.hubs.kaggle import KaggleName, parse
from scoring.networks.hubs.registry import resolve
from tests.hub_servers import HubContent, KaggleHandler, serve

_ROOT = Path(__file__).parents[4]
_UNPACKED = {"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"weights"}
_SETTINGS_OF_USERS = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "NO_PROXY", "no_proxy")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubContent]:
    """A hub with one model, and an empty cache."""
    pytest.importorskip("kagglehub")
    content = HubContent({"someone/cats/small": {"README.md": b"cats", "cats.keras": b"first"}}, commit="2")
    for name in _SETTINGS_OF_USERS:
        monkeypatch.delenv(name, raising=False)
    with serve(KaggleHandler, content) as address:
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle"))
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
        yield content


def _downloads(hub: HubContent) -> list[str]:
    return [asked for asked in hub.asked if asked.startswith("GET")]


def test_names_are_taken_apart() -> None:
    assert parse("kaggle://keras/resnetv2/keras/50-imagenet") == KaggleName(
        "keras/resnetv2/keras/50-imagenet", None, None
    )
    assert parse("kaggle://a/b/keras/c/12") == KaggleName("a/b/keras/c", "12", None)
    assert parse("kaggle://a/b/keras/c/12/1/2.keras") == KaggleName("a/b/keras/c", "12", "1/2.keras")


@pytest.mark.parametrize(
    "name", ["kaggle://a/b", "kaggle://a/b/keras", "kaggle://a/b/pyTorch/c/1", "kaggle://a/b/keras/c/0", "kaggle:///"]
)
def test_names_that_the_hub_cannot_have_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="Expected a model as kaggle://owner/model/keras/variation"):
        parse(name)


def test_model_is_fetched_once_and_pinned_to_its_version(hub: HubContent) -> None:
    model = resolve("kaggle://someone/cats/keras/small")
    assert model.path.read_bytes() == b"first"
    assert model.pinned == "kaggle://someone/cats/keras/small/2/cats.keras"
    assert sorted(_downloads(hub)) == [f"GET /someone/cats/small/{name}" for name in ("README.md", "cats.keras")]
    hub.asked.clear()
    assert resolve("kaggle://someone/cats/keras/small") == model
    assert _downloads(hub) == []


def test_pinned_model_needs_no_hub_once_it_is_here(hub: HubContent) -> None:
    model = resolve("kaggle://someone/cats/keras/small/2")
    hub.is_down = True
    hub.asked.clear()
    assert resolve(model.pinned) == model
    assert hub.asked == []


def test_pinned_model_stays_itself_when_another_is_published(hub: HubContent) -> None:
    first = resolve("kaggle://someone/cats/keras/small")
    hub.models["someone/cats/small"]["cats.keras"] = b"second"
    hub.commit = "3"
    assert resolve(first.pinned) == first
    second = resolve("kaggle://someone/cats/keras/small")
    assert second.pinned == "kaggle://someone/cats/keras/small/3/cats.keras"
    assert (first.path.read_bytes(), second.path.read_bytes()) == (b"first", b"second")


def test_those_that_race_for_a_model_download_it_once(hub: HubContent) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(resolve, ["kaggle://someone/cats/keras/small/2"] * 4))
    assert len(found) == 1
    assert len(_downloads(hub)) == 2


def test_model_that_keras_saved_to_the_hub_is_packed_again(hub: HubContent) -> None:
    hub.models["someone/saved/small"] = {"README.md": b"", **_UNPACKED}
    model = resolve("kaggle://someone/saved/keras/small")
    with zipfile.ZipFile(model.path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == _UNPACKED
    assert model.pinned == "kaggle://someone/saved/keras/small/2/config.json"
    assert resolve(model.pinned) == model


def test_token_of_the_environment_is_used(hub: HubContent, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.secret = "secret"
    with pytest.raises(ModelError, match="that the token in KAGGLE_API_TOKEN may read: 403 Client Error") as refused:
        resolve("kaggle://someone/cats/keras/small/2")
    assert "\n" not in str(refused.value)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "secret")
    assert resolve("kaggle://someone/cats/keras/small/2").path.exists()


@pytest.mark.ci
def test_what_is_no_one_model_is_refused_in_one_line(hub: HubContent) -> None:
    hub.models |= {
        "someone/cats/two": {"a.keras": b"", "b.keras": b""},
        "someone/cats/saved": {"saved_model.pb": b"", "variables": b""},
    }
    for name, message in {
        "kaggle://someone/cats/keras/two": r"found a\.keras, b\.keras\. Name one: kaggle://someone/cats/keras/two/a\.keras\.",
        "kaggle://someone/cats/keras/saved": r"Expected a \.keras file in .*; found saved_model\.pb, variables",
        "kaggle://nobody/cats/keras/small": "to be a model that is there",
        "kaggle://someone/cats/keras/small/9": "to be a model that is there",
        "kaggle://someone/cats/keras/small/2/dogs.keras": "to be a file of the model; it has README.md, cats.keras",
    }.items():
        with pytest.raises(ModelError, match=message) as refused:
            resolve(name)
        assert "\n" not in str(refused.value)


def test_hub_that_cannot_be_reached_is_a_download_error(hub: HubContent, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.is_down = True
    with pytest.raises(DownloadError, match=r"Cannot download kaggle://someone/cats/keras/small: .*503"):
        resolve("kaggle://someone/cats/keras/small")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="Cannot download kaggle://someone/cats/keras/small") as refused:
        resolve("kaggle://someone/cats/keras/small")
    assert "\n" not in str(refused.value)


def test_download_says_nothing(hub: HubContent) -> None:
    code = "from scoring.networks.hubs.registry import resolve; resolve('kaggle://someone/cats/keras/small')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert len(_downloads(hub)) == 2
