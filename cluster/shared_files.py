"""Whether every machine of the cluster has the same files: looked at from each, not assumed."""

import hashlib
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from cluster.errors import ClusterError
from cluster.nodes import Node, cluster_nodes, on_node, own_node_id
from cluster.own_packages import call_packed, packed
from cluster.work import D, R, Recipe, T, Work

_SHARED_DISK_S = 10.0  # until a network file system shows what another machine has just written
_LOOK_AGAIN_S = 0.5
_NODE_PATIENCE_S = 60.0  # until a node has a process that looks


class FileNotSharedError(ClusterError):
    """A worker started on a machine that has not all files of its job."""


@dataclass(frozen=True)
class SharedFile:
    """A file or folder as the driver finds it, for other machines to compare.

    Attributes:
        name: The field that names it: `images`, `output`.
        path: Absolute.
        size_bytes: Its size, or None if it changes.
        content: What stands somewhere in it, or None.
        digest: SHA-256 of all of it, or None.
    """

    name: str
    path: str
    size_bytes: int | None = None
    content: bytes | None = None
    digest: str | None = None

    def is_here(self) -> bool:
        """Whether this process finds the same under its path."""
        try:
            if self.size_bytes is None and self.content is None and self.digest is None:
                return Path(self.path).exists()
            with open(self.path, "rb") as file:  # NFS asks its server anew; of its size alone it may tell an old one
                if self.size_bytes not in (None, os.fstat(file.fileno()).st_size):
                    return False
                if self.digest is not None and hashlib.file_digest(file, "sha256").hexdigest() != self.digest:
                    return False
                return self.content is None or self.content in file.read()
        except OSError:
            return False


def find_missing(files: Sequence[SharedFile], patience_s: float = _SHARED_DISK_S) -> list[SharedFile]:
    """Which of the files this process does not find, after looking for `patience_s`."""
    deadline = time.monotonic() + patience_s
    while missing := [file for file in files if not file.is_here()]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_AGAIN_S)
    return missing


def find_missing_by_node(
    files: Sequence[SharedFile], patience_s: float = _SHARED_DISK_S
) -> dict[Node, list[SharedFile]]:
    """Which of the files are missing on the nodes that can take work, this process' own node left out.

    Returns:
        The missing ones; nodes that have all files are not in it. Without files, or on one node, nothing is looked at.
    """
    if not files:
        return {}
    own = own_node_id()
    nodes = [node for node in cluster_nodes() if node.node_id != own and (node.num_cpus or node.num_gpus)]
    if not nodes:
        return {}
    remote: Any = ray.remote  # its stubs cannot follow the options
    look = remote(num_cpus=0, max_retries=2)(call_packed)
    # Once; as an argument, photos among them would be stored for each node.
    held: Any = ray.put(packed(find_missing, files, patience_s))
    answers = {look.options(scheduling_strategy=on_node(node.node_id)).remote(held): node for node in nodes}
    ray.wait(list(answers), num_returns=len(answers), timeout=patience_s + _NODE_PATIENCE_S)
    found = {node: _answer(reference) for reference, node in answers.items()}
    return {node: missing for node, missing in found.items() if missing}


def require_files(
    recipe: Recipe[T, R, D], files: Sequence[SharedFile], patience_s: float = _SHARED_DISK_S
) -> Recipe[T, R, D]:
    """The same recipe, but it builds no worker where a file is missing: for nodes that join later."""
    return partial(_build_with_files, recipe, tuple(files), patience_s)


def _build_with_files(recipe: Recipe[T, R, D], files: Sequence[SharedFile], patience_s: float) -> Work[T, R, D]:
    for file in find_missing(files, patience_s):
        raise FileNotSharedError(
            f"Expected every node to see `{file.name}`; {socket.gethostname()} cannot see {file.path} as others do."
        )
    return recipe()


def _answer(reference: Any) -> list[SharedFile]:
    """What a node said. One that left meanwhile, or is too busy to say, is looked from when it gets a worker."""
    try:
        missing: list[SharedFile] = ray.get(reference, timeout=0)
        return missing
    except RayError:
        return []
