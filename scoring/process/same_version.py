"""What a driver has its workers do only under its own version of shardscore: results of two versions must not mix."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

from scoring import __version__
from scoring.errors import RequestError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class SameVersion(Generic[P, R]):
    """A function that is made by the driver and called by a worker, which refuses if it has another version.

    Attributes:
        function: What to call.
        version: The driver's.
    """

    function: Callable[P, R]
    version: str = __version__

    def __call__(self, *arguments: P.args, **options: P.kwargs) -> R:
        """Call the function.

        Raises:
            RequestError: If this machine has another shardscore than the driver's.
        """
        if self.version != __version__:
            raise RequestError(
                f"Expected shardscore {self.version}, as the command has, on all machines; one has {__version__}. "
                "Install one version on all."
            )
        return self.function(*arguments, **options)
