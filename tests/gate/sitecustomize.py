"""Python imports this at its start where this folder is on PYTHONPATH: files are written through the gate then.

So a test can hold shardscore as it is, in whatever process, in the middle of its work.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

_WRITER = "scoring.storage.durable"  # whose `whole_file` writes every shard, head, model and record
turnstile = import_module(
    "turnstile"
)  # beside this file; not by `tests.gate`, which is not where a cluster's nodes are


class _Loader(SourceFileLoader):
    """Loads the writer, and puts the gate before it."""

    def exec_module(self, module: Any) -> None:
        super().exec_module(module)
        module.whole_file = _gated(module.whole_file)


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == _WRITER else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def _gated(write: Callable[[Any], AbstractContextManager[Path]]) -> Callable[[Any], AbstractContextManager[Path]]:
    @contextmanager
    def whole_file(path: Any) -> Iterator[Path]:
        turnstile.pass_gate(Path(os.environ["SHARDSCORE_TEST_GATE"]), path)
        with write(path) as temporary:
            yield temporary

    return whole_file


sys.meta_path.insert(0, _Finder())
