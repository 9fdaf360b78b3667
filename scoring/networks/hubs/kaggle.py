"""Models on Kaggle, `kaggle://owner/model/keras/variation[/version][/file.keras]`, through kagglehub.

Needs the extra: pip install 'shardscore[kaggle]'.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import ModelError, ScoringError
from scoring.networks.hubs.hub_model import (
    UNPACKED,
    HubModel,
    choose_file,
    fetched_by_one,
    not_reached,
    not_readable,
    pack,
)

_NAME = re.compile(
    r"kaggle://(?P<model>[\w.-]+/[\w.-]+/keras/[\w.-]+)(/(?P<version>[1-9]\d*))?(/(?P<file>.+\.keras|config\.json))?"
)
_QUIET = {"KAGGLEHUB_VERBOSITY": "error", "TQDM_DISABLE": "1"}


@dataclass(frozen=True)
class KaggleName:
    """A name's parts; `version` and `file` may be left open."""

    model: str
    version: str | None
    file: str | None


def parse(name: str) -> KaggleName:
    """Take a name apart, or raise ModelError."""
    matched = _NAME.fullmatch(name)
    if not matched:
        raise ModelError(
            "Expected a model as kaggle://owner/model/keras/variation, with a version if it shall stay the same; "
            f"received {name}."
        )
    return KaggleName(matched["model"], matched["version"], matched["file"])


def resolve(name: str) -> HubModel:
    """Fetch a model; see `registry.resolve`."""
    for setting, value in _QUIET.items():
        os.environ.setdefault(setting, value)
    import kagglehub

    wanted = parse(name)
    handle = wanted.model + (f"/{wanted.version}" if wanted.version else "")
    with _faults(name), fetched_by_one(wanted.model):  # kagglehub writes where it reads
        folder = Path(kagglehub.model_download(handle))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    file = wanted.file or choose_file(files, name)
    if file not in files:
        raise ModelError(f"Expected {name} to be a file of the model; it has {', '.join(sorted(files)[:6])}.")
    version = wanted.version or (folder.name if folder.name.isdecimal() else None)
    pinned = "/".join(["kaggle:/", wanted.model, *([version] if version else []), file])
    return HubModel(pack(pinned, folder.joinpath) if file == UNPACKED else folder / file, pinned)


@contextmanager
def _faults(name: str) -> Iterator[None]:
    from kagglehub.exceptions import CredentialError, KaggleApiHTTPError, NotFoundError, UnauthenticatedError

    try:
        yield
    except ScoringError:
        raise
    except (CredentialError, NotFoundError, UnauthenticatedError) as error:
        raise not_readable(name, "KAGGLE_API_TOKEN", error) from error
    except KaggleApiHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403, 404):
            raise not_readable(name, "KAGGLE_API_TOKEN", error) from error
        raise not_reached(name, error) from error
    except Exception as error:  # those of requests, of a damaged archive, of the disk
        raise not_reached(name, error) from error
