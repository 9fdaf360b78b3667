"""Whether a network sees each image by itself, whatever else is in its batch."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.column_scales import column_scales
from scoring.networks.engines import AtOnce, Engine
from scoring.networks.kept_answers import kept_answer
from scoring.networks.keras_engine import KerasEngine
from scoring.networks.noise import harsh_noise, noise, pictures
from scoring.networks.precision import Precision

if TYPE_CHECKING:
    import keras

TRIED = "by-column"  # what an earlier version tried in another way is tried again
_CHANGE = "change_below.json"  # stands beside a converted network, of which nothing can be left out
_BATCH_SIZE = 4  # of Keras' trial of what is converted for batches of any size
_NUM_SEEN = 8
# Of an output's scale. The same program computes the same picture in the same place of a batch.
_TOLERANCE = {Precision.FLOAT32: 1e-3}
_ROUGH_TOLERANCE = 1e-2  # in other precisions
# The same picture in another place, or in a batch of another size, may be computed in another order.
_MOVED_TOLERANCE = {Precision.FLOAT32: 1e-2}
_ROUGH_MOVED_TOLERANCE = 5e-2


@dataclass(frozen=True)
class Company:
    """Scores some pictures among their like, among others of black and white, elsewhere, and in smaller batches.

    Attributes:
        engine: Runs the network.
        batch_size: Images per batch; one is always by itself.
        precision: Number format of the network.
        name: What the user calls the network.
        in_any_batch: Whether it will run in batches of other sizes too.
    """

    engine: Engine
    batch_size: int
    precision: Precision
    name: str
    in_any_batch: bool = False

    def check(self, digest: str) -> None:
        """Try the network, unless it passed before on this machine.

        Args:
            digest: Identifies the network.

        Raises:
            ModelError: If each picture has not one row of outputs, or these differ by more than rounding.
        """
        engine = self.engine
        settings = (self.precision, self.batch_size, self.in_any_batch)
        kept_answer(digest, "-".join(map(str, ("sees-each", engine.library, *settings, TRIED))), self._passes)

    def _passes(self) -> bool:
        if self.batch_size == 1 and not self.in_any_batch:
            self._outputs(self.engine, noise(1, self.engine.input_shape))
            return True
        change, where = self._change(self.engine), ""
        if change is None:
            change, where = self.change_below(), ", before any softmax, sigmoid and the like,"
        if change is None:
            self._check_size()
            return True
        raise ModelError(
            f"Expected a network that sees each image by itself; the same pictures' outputs of {self.name}{where} "
            f"change by up to {change:.2g} with the others in a batch, their own place in it, or its size. Save it "
            "without what runs over a whole batch, such as a maximum over all axes"
            f"{'' if self.in_any_batch else ', or use `batch_size` 1'}."
        )

    def change_below(self) -> float | None:
        """How far outputs change without the bounds that hide it; None if they do not, or nobody can tell.

        Of a converted network it is what Keras saw of it, bounds or not: see `note_change_below`.
        """
        if isinstance(self.engine, AtOnce):
            return self.engine.change_below
        assert isinstance(self.engine, KerasEngine)
        for steps in self.engine.bounded_steps:
            # Beyond the bounds are no numbers, or places that a lookup lacks, which each library calls otherwise.
            with self.engine.without(steps) as below, suppress(Exception):
                if (change := self._change(below)) is not None:
                    return change
        return None

    def change(self) -> float | None:
        """How far outputs change, by what can be seen and what bounds hide; None if they do not."""
        seen = self._change(self.engine)
        return self.change_below() if seen is None else seen

    def _change(self, engine: Engine) -> float | None:
        """How far the same pictures' outputs change; None if by no more than rounding."""
        for once, again, tolerance, least_share in self._trials(engine):
            scales = column_scales(once, least_share)
            if not np.allclose(once, again, rtol=0, atol=tolerance * scales, equal_nan=True):
                with np.errstate(invalid="ignore"):  # infinite ones
                    return float(np.nanmax(np.abs(once - again), initial=0))
        return None

    def _trials(self, engine: Engine) -> Iterator[tuple[Float32Array, Float32Array, float, float]]:
        """Outputs of the same pictures in two batches, by what share they may differ, and of what at least."""
        shape, batch_size = engine.input_shape, max(self.batch_size, 2)
        num_seen = max(1, min(_NUM_SEEN, (batch_size - 1) // 2))
        few = 2 if batch_size > 2 else 3
        noisy = np.resize(noise(_NUM_SEEN, shape) // 4 + 64, shape.as_array(max(few, batch_size)))  # 64 to 127
        batch = noisy[:batch_size]
        outputs = self._outputs(engine, batch)
        others = np.resize(harsh_noise(2, shape), batch.shape)
        others[1 : num_seen + 1] = batch[1 : num_seen + 1]
        among_others = self._outputs(engine, others)[1 : num_seen + 1]
        yield outputs[1 : num_seen + 1], among_others, _TOLERANCE.get(self.precision, _ROUGH_TOLERANCE), 0.1
        tolerance = _MOVED_TOLERANCE.get(self.precision, _ROUGH_MOVED_TOLERANCE)
        yield outputs, np.roll(self._outputs(engine, np.roll(batch, 1, axis=0)), -1, axis=0), tolerance, 1
        for size in (1, few) if isinstance(engine, KerasEngine) else ():  # others compile for one size
            with suppress(Exception):  # it does not take that size, which each library says otherwise
                yield outputs[:size], self._outputs(engine, noisy[:size])[:batch_size], tolerance, 1

    def _check_size(self) -> None:
        """Raise ModelError if the engine computes otherwise in the run's batches than in those compared with Keras."""
        engine = self.engine
        if not isinstance(engine, AtOnce) or engine.compared_in in (0, self.batch_size):
            return
        shape, size = engine.input_shape, self.batch_size
        known = np.concatenate([self._outputs(engine, each) for each in pictures(engine.compared_in, shape)])
        same = np.resize(pictures(1, shape), shape.as_array(size))
        outputs, known = self._outputs(engine, same), np.resize(known, (size, *known.shape[1:]))
        tolerances = _MOVED_TOLERANCE[Precision.FLOAT32] * column_scales(known, 1)
        if not np.allclose(known, outputs, rtol=0, atol=tolerances, equal_nan=True):
            raise ModelError(
                f"Expected the outputs of {self.name} that are Keras' in batches of {engine.compared_in}; the engine "
                f"computes others in batches of {size}. Use `batch_size` {engine.compared_in}, or `engine` keras."
            )

    def _outputs(self, engine: Engine, images: UInt8Array) -> Float32Array:
        outputs = engine.score(images)
        if len(outputs) == len(images):
            return outputs
        is_one_of_one = not self.in_any_batch and len(images) > 1 and len(engine.score(images[:1])) == 1
        raise ModelError(
            f"Expected a network that returns a row of outputs for each image; {self.name} returns {len(outputs)} for "
            f"a batch of {len(images)}. {'Use `batch_size` 1, or save' if is_one_of_one else 'Save'} it without what "
            "gives the batch another size, such as a reshape."
        )


def note_change_below(model: "keras.Model", folder: Path) -> None:
    """Write beside a network's conversion what `Company.change` says of it in Keras."""
    engine = KerasEngine(model, Precision.FLOAT32)
    change = Company(engine, _BATCH_SIZE, Precision.FLOAT32, "this network").change()
    (folder / _CHANGE).write_text(json.dumps(change), encoding="utf-8")


def noted_change_below(folder: Path) -> float | None:
    """See `note_change_below`; None where nothing was noted, as of published networks."""
    path = folder / _CHANGE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
