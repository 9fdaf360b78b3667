"""The real ShardScorer with a fast network, and a folder of orders that make it misbehave.

Orders are files beside the model that the driver names: `poison-7` kills every process that touches shard 7,
`mute-7` every one that has written it and not yet said so, `hang-7` makes the next process that touches shard 7 hang
for good (and is taken away by it), `swell-7` makes it take memory until it is killed, and `weights` must exist for a
scorer to start: one that finds none leaves a file `refused`. `gate/` holds whoever begins a shard when as many are
there as the test lets be.
"""

import os
import signal
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scoring.arrays import UInt8Array
from scoring.errors import ModelError
from scoring.models.model_request import ModelRequest
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.shards.report import ShardReport
from scoring.shards.retry import ShardTask, shard_of
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from tests.fakes import load_fake
from tests.gate.turnstile import pass_gate

CRASHES = b"crashes the decoder"
SWOLLEN_BYTES = 4 * 1024**3
_SECONDS_PER_SHARD = 0.04  # so that faults find shards at work, and not only at the gate


def decode_or_crash(encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Decode, but die of a picture whose bytes say so, as of a fault in a decoder's C code.

    By `abort`: a handler that Ray puts in place for SIGSEGV lets this thread run on for a while.
    """
    if encoded == CRASHES:
        os.abort()
    return decode(encoded, resize, shape)


class ChaoticScorer(ShardScorer):
    """Takes the place of ShardScorer in the driver under test."""

    def __init__(self, settings: ScorerSettings) -> None:
        assert isinstance(settings.model, ModelRequest)
        self._orders = Path(settings.model.model).parent
        if not (self._orders / "weights").exists():
            (self._orders / "refused").touch()
            raise ModelError("the weights are gone")
        super().__init__(settings, load_fake, decode_or_crash)

    def __call__(self, task: ShardTask, refusals: Collection[str] | None = None) -> ShardReport:
        self._follow_orders(shard_of(task))
        return super().__call__(task, refusals)

    def again(self, task: ShardTask, refusals: Collection[str] | None = None) -> ShardReport:
        self._follow_orders(shard_of(task))
        return super().again(task, refusals)

    def _write(self, shard_id: int, *arguments: Any) -> str:
        digest = super()._write(shard_id, *arguments)
        if (self._orders / f"mute-{shard_id}").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return digest

    def _follow_orders(self, shard_id: int) -> None:
        if (self._orders / f"poison-{shard_id}").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if (self._orders / f"swell-{shard_id}").exists():
            (self._orders / f"swell-{shard_id}").unlink()
            swell()
        try:
            (self._orders / f"hang-{shard_id}").unlink()
        except FileNotFoundError:
            pass_gate(self._orders / "gate", self._files.path(shard_id))
            time.sleep(_SECONDS_PER_SHARD)
        else:
            time.sleep(3600)


def swell() -> None:
    """Take memory bit by bit, and keep it: whoever watches has the time to kill this process."""
    step = SWOLLEN_BYTES // 64
    taken = []
    for _ in range(64):
        taken.append(b"x" * step)
        time.sleep(0.1)
    time.sleep(3600)
