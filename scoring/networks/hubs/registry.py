"""The hubs that a model's name may begin with, each with what turns the name into a file."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scoring.errors import ModelError
from scoring.networks.hubs import hugging_face, kaggle
from scoring.networks.hubs.hub_model import HubModel


@dataclass(frozen=True)
class Hub:
    """One hub.

    Attributes:
        package: The package that speaks its protocol; the extra named like the scheme brings it.
        parse: Raises ModelError for a name that cannot be one of the hub's.
        resolve: Turns a name into a file.
    """

    package: str
    parse: Callable[[str], object]
    resolve: Callable[[str], HubModel]


_HUBS: Mapping[str, Hub] = {
    "hf": Hub("huggingface_hub", hugging_face.parse, hugging_face.resolve),
    "kaggle": Hub("kagglehub", kaggle.parse, kaggle.resolve),
}


def is_on_hub(name: str) -> bool:
    """Whether a name is a hub's, and no path or URL of a bucket."""
    scheme, separator, _ = name.partition("://")
    return bool(separator) and scheme in _HUBS


def check_hub_name(name: str) -> None:
    """Raise ModelError for a name that its hub cannot have, or a missing extra; asks no server."""
    scheme = name.partition("://")[0]
    hub = _HUBS[scheme]
    hub.parse(name)
    if importlib.util.find_spec(hub.package) is None:
        raise ModelError(f"{name} needs {hub.package}: pip install 'shardscore[{scheme}]'.")


def resolve(name: str) -> HubModel:
    """Fetch a model into its hub's own cache, once per machine.

    Credentials come from where the hub's own library looks for them, such as `HF_TOKEN` or `KAGGLE_API_TOKEN`.

    Args:
        name: For which `is_on_hub` holds.

    Raises:
        ModelError: If there is no such model, it is of another kind, or may not be read; or for a missing extra.
        DownloadError: If the hub cannot be reached.
    """
    check_hub_name(name)
    return _HUBS[name.partition("://")[0]].resolve(name)
