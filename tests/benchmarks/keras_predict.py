"""A rival: `keras.Model.predict` fed by `keras.utils.image_dataset_from_directory`, as Keras' documentation writes it.

    python -m tests.benchmarks.keras_predict PHOTOS OUTPUT --precision float32 --weights random

Prints a line of JSON: images per second after the first batch.
"""

import json
import os
import time

from tests.benchmarks.rival_options import parse_options

_BATCH_SIZE = 32  # the default of image_dataset_from_directory


def main() -> None:
    """Predict, and save the probabilities."""
    options = parse_options(__doc__)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import numpy as np

    done_at: list[float] = []
    clock = keras.callbacks.LambdaCallback()
    clock.on_predict_batch_end = lambda batch, logs=None: done_at.append(time.perf_counter())
    if options.precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras.applications.VGG16(weights=None if options.weights == "random" else options.weights)
    photos = keras.utils.image_dataset_from_directory(
        options.photos, labels=None, image_size=(224, 224), batch_size=_BATCH_SIZE, shuffle=False, verbose=False
    )
    photos = photos.map(keras.applications.vgg16.preprocess_input)
    probabilities = model.predict(photos, verbose=0, callbacks=[clock])
    np.save(options.output, probabilities)
    num_warm = len(probabilities) - _BATCH_SIZE
    rate = num_warm / (done_at[-1] - done_at[0]) if num_warm > 0 else None
    print(json.dumps({"num_images": len(probabilities), "steady_images_per_s": rate}))


if __name__ == "__main__":
    main()
