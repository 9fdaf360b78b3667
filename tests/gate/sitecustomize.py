"""Python imports this at its start where this folder is on PYTHONPATH: files are written through the gate then.

So a test can hold shardscore as it is, in whatever process, in the middle of its work.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

# What writes shards and records, and what writes heads and models.
_WRITERS = {"scoring.storage.conditional": "write_if", "scoring.storage.durable": "whole_file"}
turnstile = import_module(
    "turnstile"
)  # beside this file; not by `tests.gate`, which is not where a cluster's nodes are


class _Loader(SourceFileLoader):
    """Loads a writer, and puts the gate before it."""

    def exec_module(self, module: Any) -> None:
        super().exec_module(module)
        write = _WRITERS[module.__name__]
        setattr(module, write, _gated(getattr(module, write)))


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in _WRITERS else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def _gated(write: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose first argument is where it writes, behind the gate."""

    def write_behind_the_gate(file: Any, *arguments: Any) -> Any:
        turnstile.pass_gate(Path(os.environ["SHARDSCORE_TEST_GATE"]), file)
        return write(file, *arguments)

    return write_behind_the_gate


sys.meta_path.insert(0, _Finder())
