"""Models on Hugging Face, `hf://owner/name[@revision][/file.keras]`, through huggingface_hub.

Needs the extra: pip install 'shardscore[hf]'.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import DownloadError, ModelError, ScoringError
from scoring.networks.hubs.hub_model import UNPACKED, HubModel, choose_file, not_reached, not_readable, pack
from scoring.process.telemetry import mute_telemetry
from scoring.storage.downloads import file_digest

_NAME = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?(/(?P<file>.+\.keras|config\.json))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")  # Git's own hashes, of small files, are shorter
_NO_PROGRESS_BARS = "HF_HUB_DISABLE_PROGRESS_BARS"


@dataclass(frozen=True)
class HuggingFaceName:
    """A name's parts; `revision` and `file` may be left open."""

    repository: str
    revision: str | None
    file: str | None


def parse(name: str) -> HuggingFaceName:
    """Take a name apart, or raise ModelError."""
    matched = _NAME.fullmatch(name)
    if not matched:
        raise ModelError(f"Expected a model as hf://owner/name or hf://owner/name/file.keras; received {name}.")
    return HuggingFaceName(matched["repository"], matched["revision"], matched["file"])


def resolve(name: str) -> HubModel:
    """Fetch a model; see `registry.resolve`."""
    mute_telemetry()
    os.environ.setdefault(_NO_PROGRESS_BARS, "1")
    import huggingface_hub

    wanted = parse(name)
    with _faults(name):
        file, commit = wanted.file, wanted.revision or ""
        if file is None or not _COMMIT.fullmatch(commit):
            found = huggingface_hub.HfApi().model_info(wanted.repository, revision=wanted.revision)
            file = file or choose_file((each.rfilename for each in found.siblings or ()), name)
            commit = str(found.sha)

        def fetch(part: str) -> Path:
            path = Path(huggingface_hub.hf_hub_download(wanted.repository, part, revision=commit))
            _check(path, name)
            return path

        pinned = f"hf://{wanted.repository}@{commit}/{file}"
        return HubModel(pack(pinned, fetch) if file == UNPACKED else fetch(file), pinned)


def _check(path: Path, name: str) -> None:
    """Raise DownloadError if a large file is not of the checksum that the library's cache names it by.

    The library itself compares sizes alone.
    """
    kept = path.resolve()
    if _SHA256.fullmatch(kept.name) and file_digest(kept) != kept.name:
        with suppress(OSError):  # as of a cache that others fill
            kept.unlink()
        raise DownloadError(f"Downloaded {path.name} of {name}, but its checksum is not the one that the hub tells.")


@contextmanager
def _faults(name: str) -> Iterator[None]:
    from huggingface_hub import errors

    missing = (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError)
    try:
        yield
    except ScoringError:
        raise
    except errors.LocalEntryNotFoundError as error:  # neither reached nor in the cache
        raise not_reached(name, error) from error
    except missing as error:
        raise not_readable(name, "HF_TOKEN", error) from error
    except errors.HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise not_readable(name, "HF_TOKEN", error) from error
        raise not_reached(name, error) from error
    except Exception as error:  # the faults of its HTTP library, which differs from version to version
        raise not_reached(name, error) from error
