"""What runs a network's forward pass: the protocol that every engine keeps, the engines' names, and their versions."""

import os
import platform
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol, TypeAlias

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError, RequestError
from scoring.networks.applications import application_of
from scoring.pixels.input_shape import InputShape

if TYPE_CHECKING:
    import keras

_UNKNOWN = "unknown"
_WHOLE = re.compile("[0-9]{1,9}")
_BACKENDS = ("tensorflow", "jax", "torch")  # Keras has others, which train nothing
_NOT_BUILT = ("nasnetmobile", "torch")  # keras.applications.nasnet refuses it "due to an outstanding bug"

# Waits for the outputs of a batch that was begun, and returns them.
Pending: TypeAlias = Callable[[], Float32Array]


class EngineName(StrEnum):
    """The engines there are."""

    KERAS = "keras"
    OPENVINO = "openvino"
    MNN = "mnn"


class RunsOnEngine:
    """A part of requests: what computes, from the engine that was asked for and Keras' backend."""

    engine: EngineName
    backend: str

    @property
    def runtime(self) -> str:
        """What computes: Keras' backend, or another engine."""
        return self.backend if self.engine is EngineName.KERAS else str(self.engine)

    @property
    def engine_name(self) -> str:
        """What runs the network, as fingerprints have it: results of two engines differ in the last digits."""
        return f"keras-{self.backend}" if self.engine is EngineName.KERAS else str(self.engine)

    def check_backend(self, model: str) -> None:
        """Raise ModelError for a name of a published network that Keras does not build on this backend."""
        application = application_of(model)
        if application and (application.name, self.backend) == _NOT_BUILT:
            raise ModelError(
                f"Expected another backend than {self.backend} with {model}, which Keras does not build on it. Leave "
                "the environment's `KERAS_BACKEND` out."
            )


@dataclass(frozen=True)
class Network:
    """A network that need not be built yet.

    Attributes:
        digest: Identifies its architecture and weights.
        build: Imports Keras and builds it, from pixels 0 to 255, shape (batch, height, width, channels), to outputs,
            shape (batch, num_outputs). Height and width that it leaves open are 224.
        is_published: Whether its layers are those of `keras.applications`, below a head or not.
        has_own_weights: Whether their numbers are of a file that the user names, of which nothing is known.
    """

    digest: str
    build: Callable[[], "keras.Model"]
    is_published: bool = False
    has_own_weights: bool = False


class Engine(Protocol):
    """A loaded network; the first batch of a size may take longer."""

    @property
    def library(self) -> str:
        """What computes, with its version."""
        ...

    @property
    def num_outputs(self) -> int:
        """Values for each image."""
        ...

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        ...

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch.

        Args:
            images: Pixels, 0 to 255, shape (batch_size, height, width, channels). Left unchanged.

        Returns:
            The network's outputs, shape (batch_size, num_outputs).
        """
        ...

    def begin(self, images: UInt8Array) -> Pending:
        """Begin to score one batch; a GPU computes while the next one is handed over.

        Args:
            images: See `score`. To be left alone until the outputs were fetched.

        Returns:
            Fetches the outputs; call it once, for batches in the order in which they were begun.
        """
        ...


class AtOnce(ABC):
    """A part of engines that compute where they are called: what was begun is done.

    Attributes:
        change_below: What was noted of the network when it was converted: see `Company.change`.
        compared_in: Images per batch in which it was compared with Keras, if it computes others as easily; or 0.
    """

    change_below: float | None = None
    compared_in: int = 0

    @abstractmethod
    def score(self, images: UInt8Array) -> Float32Array:
        """See `Engine`."""

    def begin(self, images: UInt8Array) -> Pending:
        """See `Engine`."""
        outputs = self.score(images)
        return lambda: outputs


def keras_backend() -> str:
    """The backend that Keras will use in this process: `KERAS_BACKEND`, or tensorflow.

    Raises:
        RequestError: If it is none of those that run all commands.
    """
    named = os.environ.get("KERAS_BACKEND") or _BACKENDS[0]
    if named not in _BACKENDS:
        raise RequestError(
            f"Expected the environment's `KERAS_BACKEND` to be one of {', '.join(_BACKENDS)}; received {named!r}."
        )
    return named


def num_threads() -> int:
    """How many threads this process' engine may use: `OMP_NUM_THREADS`, or one for each core."""
    of_outermost_loops = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # 4,2 where loops are nested
    told = int(of_outermost_loops) if _WHOLE.fullmatch(of_outermost_loops) else 0
    return told or os.cpu_count() or 1


def engine_versions(*runtimes: str) -> dict[str, str]:
    """Versions of the libraries that shape the numbers: those named, and what decodes the pixels."""
    return library_versions(*runtimes, "pillow", "cykooz-resizer", "numpy")


def library_versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of `packages`."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def installed_versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of those among `packages`, and of what decodes, that are installed."""
    return {name: found for name, found in engine_versions(*packages).items() if found != _UNKNOWN}


def _version(package: str) -> str:
    try:
        return version(package) or _UNKNOWN
    except Exception:  # tensorflow-cpu, a build from source, damaged metadata  # noqa: BLE001
        return _UNKNOWN
