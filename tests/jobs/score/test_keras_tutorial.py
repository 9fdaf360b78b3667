"""A classifier trained as Keras' tutorial trains one, evaluated by Keras and by `score` on the same photos.

See https://keras.io/examples/vision/image_classification_from_scratch: 180 x 180 pixels, Rescaling inside, one logit.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs.score.command import score

pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras]

_SIZE = (180, 180)


def _drawn(folder: Path, count: int) -> Path:
    """Dark cats and bright dogs, with noise, in folders by their names."""
    draw = np.random.default_rng(count)
    for label, level in (("cat", 90), ("dog", 150)):
        (folder / label).mkdir(parents=True)
        for number in range(count // 2):
            pixels = draw.normal(level + draw.normal(0, 30), 40, (*_SIZE, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


def _photos(folder: Path, source: Iterable[Path]) -> Path:
    """Photos in 180 x 180 pixels, so that nobody resizes them: how that is done is not in question here."""
    for photo in source:
        label = photo.name.split(".")[0]
        (folder / label).mkdir(parents=True, exist_ok=True)
        with Image.open(photo) as image:
            image.convert("RGB").resize(_SIZE).save(folder / label / f"{photo.name.split('.')[1]}.png")
    return folder


def _dataset(folder: Path, shuffle: bool) -> Any:
    import keras

    return keras.utils.image_dataset_from_directory(
        folder, label_mode="binary", image_size=_SIZE, batch_size=20, shuffle=shuffle, seed=1, verbose=False
    )


def _train(folder: Path, path: Path, epochs: int) -> Any:
    """Train as the tutorial does, with a smaller network, and save it."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(1)
    stack = [keras.Input((*_SIZE, 3)), layers.RandomFlip("horizontal"), layers.Rescaling(1 / 255)]
    for filters in (8, 16, 24):
        stack += [layers.Conv2D(filters, 3, strides=2, padding="same"), layers.BatchNormalization(momentum=0.8)]
        stack += [layers.Activation("relu")]
    stack += [layers.GlobalAveragePooling2D(), layers.Dropout(0.25), layers.Dense(1, activation=None)]
    model = keras.Sequential(stack)
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0, name="acc")],
    )
    model.fit(_dataset(folder, shuffle=True), epochs=epochs, shuffle=False, verbose=0)  # the dataset does it
    model.save(path)
    return model


def _compare(model: Any, path: Path, photos: Path, output: Path) -> float:
    """The accuracy, which is the same, of probabilities that are."""
    data = _dataset(photos, shuffle=False)
    logits = model.predict(data, verbose=0)[:, 0]
    names = ["/".join(Path(file).with_suffix("").parts[-2:]) for file in data.file_paths]
    expected = dict(zip(names, 1 / (1 + np.exp(-logits)), strict=True))
    labels: dict[str, Any] = {"labels": "cat,dog", "labels_from": "folders"}
    run = score(images=photos, model=path, output=output, precision="float32", actors=1, **labels)
    rows = run.predictions(["image_id", "probabilities"]).to_pylist()
    assert {row["image_id"] for row in rows} == set(expected)
    found = [row["probabilities"][1] for row in rows]
    np.testing.assert_allclose(found, [expected[row["image_id"]] for row in rows], atol=1e-4)
    assert np.ptp(found) > 0.05
    assert run.summary is not None
    accuracy = model.evaluate(data, verbose=0, return_dict=True)["acc"]
    assert run.summary.num_right / run.summary.num_labelled == pytest.approx(accuracy)
    return float(accuracy)


def test_keras_and_we_say_the_same_of_a_model_of_its_tutorial(tmp_path: Path, two_nodes: None) -> None:
    model = _train(_drawn(tmp_path / "train", 40), tmp_path / "m.keras", epochs=4)
    _compare(model, tmp_path / "m.keras", _drawn(tmp_path / "test", 20), tmp_path / "run")


@pytest.mark.slow
def test_keras_and_we_say_the_same_of_photos(data_folder: Path, tmp_path: Path, two_nodes: None) -> None:
    """400 to train on, 200 others to evaluate on."""
    photos = sorted((data_folder / "photos" / "more_train").glob("cat.*"), key=lambda path: path.name)
    dogs = sorted((data_folder / "photos" / "more_train").glob("dog.*"), key=lambda path: path.name)
    train = _photos(tmp_path / "train", [*photos[:200], *dogs[:200]])
    test = _photos(tmp_path / "test", [*photos[200:300], *dogs[200:300]])
    model = _train(train, tmp_path / "m.keras", epochs=12)
    accuracy = _compare(model, tmp_path / "m.keras", test, tmp_path / "run")
    assert accuracy > 0.55, "it has learnt something"
