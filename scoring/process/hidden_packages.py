"""Keep installed packages out of a process whose libraries import them merely in case someone uses them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Absent(Loader):
    """Loads nothing: the import fails as that of a package that is not installed."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ModuleNotFoundError(f"{spec.name} is hidden for a moment", name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Never reached."""


class _Hide(MetaPathFinder):
    """Finds the hidden packages, so that a library that only asks for a spec, as PyTorch does, gets one."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, _Absent()) if fullname in self._names else None


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Let the block find none of these top-level packages, except those that this process has imported already."""
    finder = _Hide(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
