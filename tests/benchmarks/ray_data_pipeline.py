"""A rival: Ray Data's batch inference, as its documentation writes it: read_images, map_batches, write_parquet.

    python -m tests.benchmarks.ray_data_pipeline PHOTOS OUTPUT --precision float32 --weights random

Prints a line of JSON: images per second after the first batch. Every row says when its batch was done.
"""

import json
import logging
import os
import time
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import ray

from tests.benchmarks.rival_options import parse_options

_BATCH_SIZE = 16
# It computes on all cores. Each actor reserves one, and with as many actors as cores (two of two) none was left for
# reading: the pipeline hung.
_NUM_ACTORS = 1


class Vgg16:
    """Predicts batches in an actor."""

    def __init__(self, precision: str, weights: str) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras

        if precision == "bfloat16":
            keras.config.set_dtype_policy("mixed_bfloat16")
        self._model = keras.applications.VGG16(weights=None if weights == "random" else weights)
        self._preprocess = keras.applications.vgg16.preprocess_input

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        inputs = self._preprocess(batch["image"].astype(np.float32))
        probabilities = self._model.predict_on_batch(inputs).astype(np.float32)
        return {
            "path": batch["path"],
            "class_index": probabilities.argmax(axis=1),
            "probability": probabilities.max(axis=1),
            "done_at": np.full(len(probabilities), time.time()),
        }


def main() -> None:
    """Run the pipeline."""
    options = parse_options(__doc__)
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    photos = ray.data.read_images(str(options.photos), size=(224, 224), mode="RGB", include_paths=True)
    predictions = photos.map_batches(
        Vgg16,
        fn_constructor_args=(options.precision, options.weights),
        batch_size=_BATCH_SIZE,
        compute=ray.data.ActorPoolStrategy(size=_NUM_ACTORS),
    )
    predictions.write_parquet(str(options.output))
    print(json.dumps(_steady(pq.read_table(options.output).column("done_at").to_numpy())))


def _steady(done_at: np.ndarray) -> dict[str, float | None]:
    """Images per second between the end of the first batch and the end of the last."""
    after_first = done_at[done_at > done_at.min()]
    rate = len(after_first) / (done_at.max() - done_at.min()) if len(after_first) else None
    return {"num_images": len(done_at), "steady_images_per_s": rate}


if __name__ == "__main__":
    main()
