"""Whether a network sees each image by itself, whatever else is in its batch."""

from dataclasses import dataclass, replace

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.engines import Engine
from scoring.networks.kept_answers import kept_answer
from scoring.networks.keras_engine import KerasEngine
from scoring.networks.noise import harsh_noise, noise
from scoring.networks.precision import Precision

_NUM_SEEN = 8
# Of the largest output. The same program computes the same picture in the same place of a batch.
_TOLERANCE = {Precision.FLOAT32: 1e-3}
_ROUGH_TOLERANCE = 1e-2  # in other precisions


@dataclass(frozen=True)
class Company:
    """Scores some pictures among their like, and among others of black and white.

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
        word = f"sees-each-{type(self.engine).__name__}-{self.precision}-{self.batch_size}-{self.in_any_batch}"
        kept_answer(digest, word, self._passes)

    def _passes(self) -> bool:
        self.compare()
        if isinstance(self.engine, KerasEngine):
            with self.engine.below_probabilities() as below:
                if below:
                    replace(self, engine=below).compare()
        return True

    def compare(self) -> None:
        """Score the pictures once; see `check`."""
        shape = self.engine.input_shape
        if self.batch_size == 1 and not self.in_any_batch:
            self._outputs(noise(1, shape))
            return
        batch_size = max(self.batch_size, 2)
        num_seen = max(1, min(_NUM_SEEN, (batch_size - 1) // 2))
        seen = noise(num_seen, shape) // 4 + 64  # grey ones, 64 to 127
        rest = shape.as_array(batch_size - num_seen)
        alone, beside = (
            self._outputs(np.concatenate([others[:1], seen, others[1:]]))[1 : num_seen + 1]
            for others in (np.resize(seen, rest), np.resize(harsh_noise(2, shape), rest))
        )
        tolerance = _TOLERANCE.get(self.precision, _ROUGH_TOLERANCE)
        largest = np.abs(alone[np.isfinite(alone)]).max(initial=0)
        if not np.allclose(alone, beside, rtol=0, atol=tolerance * largest, equal_nan=True):
            raise ModelError(
                f"Expected a network that sees each image by itself; the same pictures' outputs of {self.name} change "
                f"by up to {np.nanmax(np.abs(alone - beside), initial=0):.2g} with the others in a batch. Save it "
                "without what runs over a whole batch, such as a maximum over all axes"
                f"{'' if self.in_any_batch else ', or use `batch_size` 1'}."
            )

    def _outputs(self, images: UInt8Array) -> Float32Array:
        outputs = self.engine.score(images)
        if len(outputs) == len(images):
            return outputs
        is_one_of_one = not self.in_any_batch and len(images) > 1 and len(self.engine.score(images[:1])) == 1
        raise ModelError(
            f"Expected a network that returns a row of outputs for each image; {self.name} returns {len(outputs)} for "
            f"a batch of {len(images)}. {'Use `batch_size` 1, or save' if is_one_of_one else 'Save'} it without what "
            "gives the batch another size, such as a reshape."
        )
