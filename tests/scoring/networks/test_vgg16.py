from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.kinds import VGG16_IMAGENET
from scoring.models.model_request import ModelRequest
from scoring.networks.imagenet import CAT_CLASSES, DOG_CLASSES, NUM_CLASSES, cats_and_dogs, load_class_names
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import load_vgg16, random_vgg16, vgg16_digest
from scoring.pixels.decoding import Resize, decode
from scoring.shards.decode_ahead import BatchSlots

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def class_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class index in Keras' layout."""
    import json

    path = tmp_path_factory.mktemp("labels") / "imagenet_class_index.json"
    path.write_text(json.dumps({str(index): [f"n{index:08d}", f"class-{index}"] for index in range(NUM_CLASSES)}))
    return path


def _request(model: str, weights: Path | str | None, labels: Path | None = None) -> ModelRequest:
    return ModelRequest(
        model, str(weights) if weights else None, str(labels) if labels else None, Precision.FLOAT32, "tensorflow"
    )


def _pixels(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)


@pytest.mark.ci
def test_probabilities_equal_plain_keras_for_any_padding(tmp_path: Path, class_index: Path) -> None:
    """Weights in the published layout, saved from Keras' own VGG16, stand in for ImageNet's."""
    import keras

    pixels, weights = _pixels(3), tmp_path / "vgg16.weights.h5"
    keras.utils.set_random_seed(7)
    plain = keras.applications.VGG16(weights=None)
    plain.save_weights(weights)
    expected = plain.predict_on_batch(keras.applications.vgg16.preprocess_input(pixels.astype(np.float32)))
    classifier = _request(VGG16_IMAGENET, weights, class_index).load()
    assert classifier.labels[281] == "class-281"
    for batch_size in (2, 4):
        slots = BatchSlots(np.zeros((batch_size, 224, 224, 3), np.uint8), batch_size)
        for start in range(0, 3, batch_size):
            batch = pixels[start : start + batch_size]
            slots.pixels(0, slots.rows(0, len(batch)).stop)[: len(batch)] = batch
            scores = classifier.score(slots.pixels(0, len(batch)))[: len(batch)]
            np.testing.assert_allclose(scores, expected[start:][:batch_size], atol=1e-5)
    np.testing.assert_array_equal(pixels, _pixels(3), "scoring leaves its input unchanged")


def test_random_weights_are_the_same_every_time() -> None:
    first, second = (random_vgg16(include_top=False) for _ in range(2))  # with 15 million of the 138 million weights
    assert vgg16_digest("random") == "random-2017"
    for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.ci
def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    import keras

    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    small.save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(ModelError, match="Expected weights of VGG16 with 1,000 classes") as refused:
        load_vgg16(str(tmp_path / "small.weights.h5"))
    assert "\n" not in str(refused.value)


def test_file_that_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vgg16.h5").write_text("<html>404</html>")
    with pytest.raises(ModelError, match="does not fit"):
        load_vgg16(str(tmp_path / "vgg16.h5"))


def test_cats_and_dogs_are_summed_and_renormalised() -> None:
    probabilities = np.zeros((4, NUM_CLASSES), np.float32)
    probabilities[3, 5] = np.nan
    probabilities[3, 281] = np.nan
    probabilities[0, [281, 285, 151]] = [0.1, 0.2, 0.1]
    probabilities[1, [268, 0]] = [0.25, 0.75]
    np.testing.assert_allclose(cats_and_dogs(probabilities), [[0.75, 0.25], [0.0, 1.0], [0.5, 0.5], [np.nan] * 2])


def test_groups_are_the_domestic_cats_and_the_dog_breeds(data_folder: Path) -> None:
    names = load_class_names(data_folder / "imagenet_class_index.json")
    assert [names[index] for index in CAT_CLASSES] == [
        "tabby",
        "tiger_cat",
        "Persian_cat",
        "Siamese_cat",
        "Egyptian_cat",
    ]
    assert (len(DOG_CLASSES), names[DOG_CLASSES[0]], names[DOG_CLASSES[-1]]) == (118, "Chihuahua", "Mexican_hairless")
    assert names[DOG_CLASSES[-1] + 1] == "timber_wolf"


def test_real_photo_keeps_its_label(data_folder: Path) -> None:
    """The small trained network stands in for VGG16, whose ImageNet weights cannot be had here."""
    model = data_folder / "models" / "cat_dog_squeezenet.keras"
    classifier = ModelRequest(str(model), None, "cat,dog", Precision.FLOAT32, "tensorflow").load()
    photos = [data_folder / "photos" / "train" / name for name in ("cat.8.jpg", "dog.102.jpg")]
    images = np.stack([decode(photo.read_bytes(), Resize.CROP) for photo in photos])
    assert [classifier.labels[index] for index in classifier.score(images).argmax(axis=1)] == ["cat", "dog"]
