import hashlib
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError, StorageError
from scoring.networks.keras_files import check_clock, keras_digest, load_keras_file, remove_particulars, save_keras_file
from scoring.networks.keras_inputs import with_pixels

pytestmark = pytest.mark.keras


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ('{"keras_version": "99.1.0"}', " It was saved by Keras 99.1.0, and this is 3."),
        ('{"keras_version": "3.0.1"}', None),
        ('{"keras_version": 7}', None),
        ("no JSON", None),
        (None, None),
    ],
)
def test_a_file_that_a_newer_keras_saved_is_refused_by_both_versions(
    tmp_path: Path, metadata: str | None, said: str | None
) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "FromTheFuture", "config": {}}))
        if metadata is not None:
            archive.writestr("metadata.json", metadata)
    with pytest.raises(ModelError, match=r"Cannot load .*in Keras' safe mode: ") as refused:
        load_keras_file(path)
    assert ("It was saved by" in str(refused.value)) == (said is not None)
    assert (said or "") in str(refused.value)
    assert ("its class FromTheFuture is none of Keras' own. Use layers" in str(refused.value)) == (said is None)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (None, "its class Functional is none that Keras 3 knows."),
        ("keras.src.engine.functional", "its parent module keras.src.engine.functional cannot be imported."),
    ],
)
def test_a_file_that_keras_2_saved_is_refused_with_what_helps(tmp_path: Path, module: str | None, reason: str) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        config: dict[str, Any] = {
            "module": module,
            "class_name": "Functional",
            "config": {},
            "registered_name": "Functional",
        }
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", '{"keras_version": "2.15.0"}')
    advice = (
        "It was saved by Keras 2.15.0: save it as .h5 there, build it in Keras 3 by code, load_weights of the .h5 and "
        "save it as .keras."
    )
    with pytest.raises(ModelError, match=rf"{reason} {advice}$"):
        load_keras_file(path)


@pytest.mark.parametrize(
    ("saved_by", "said"),
    [("3.0.5", r" It was saved by Keras 3\.0\.5, and this is 3\..*: save it there without the layers"), ("3", "")],
)
def test_a_file_whose_layers_lost_an_option_is_refused_by_both_versions(
    tmp_path: Path, saved_by: str, said: str
) -> None:
    """As `RandomRotation` of Keras 3.3 has a `value_range`, which that of 3.15 does not take."""
    import keras

    saved, path = tmp_path / "saved.keras", tmp_path / "model.keras"
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.RandomRotation(0.1)]).save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as archive:
        config = json.loads(source.read("config.json"))
        config["config"]["layers"][-1]["config"]["value_range"] = [0, 255]
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": saved_by}))
        archive.writestr("model.weights.h5", source.read("model.weights.h5"))
    with pytest.raises(ModelError, match=rf"keyword arguments passed to RandomRotation: .*{said}") as refused:
        load_keras_file(path)
    assert ("It was saved by" in str(refused.value)) == bool(said)


def test_a_file_of_an_older_keras_that_does_not_load_is_refused_by_both_versions(tmp_path: Path) -> None:
    """As LayerNormalization(rms_scaling=True) of Keras 3.3 has one variable, which that of 3.15 takes for another."""
    import keras

    saved, path = tmp_path / "saved.keras", tmp_path / "model.keras"
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.LayerNormalization(center=False)]).save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", source.read("config.json").replace(b'"center": false', b'"center": true'))
        archive.writestr("metadata.json", '{"keras_version": "3.3.3"}')
        archive.writestr("model.weights.h5", source.read("model.weights.h5"))
    with pytest.raises(
        ModelError, match=r"received 1 variables .* It was saved by Keras 3\.3\.3, and this is 3\.\d+\.\d\.$"
    ):
        load_keras_file(path)


@pytest.mark.parametrize(
    "config",
    [
        *("[]", "1", "null", "\xff", None),
        '{"module": "keras", "class_name": "Sequential", "config": {"name": "x", "layers": 5}}',
        '{"module": "keras", "class_name": "Sequential", "config": {"name": "x", "layers": [null]}}',
    ],
)
def test_a_file_whose_architecture_is_none_is_refused_with_what_to_do(tmp_path: Path, config: str | None) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        if config is not None:
            archive.writestr("config.json", config)
    expected = r"safe mode: its config\.json is not as Keras writes it: .*\. Save the model again with Keras 3, or copy"
    with pytest.raises(ModelError, match=expected) as refused:
        load_keras_file(path)
    assert "\n" not in str(refused.value)


def test_an_architecture_as_keras_2_wrote_it_is_not_called_damaged(tmp_path: Path) -> None:
    """As that of mixed precision, in words of Python's: 'str' object has no attribute 'compute_dtype'."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[]")
        archive.writestr("metadata.json", '{"keras_version": "2.15.0"}')
    with pytest.raises(
        ModelError, match=r"config\.json is not as Keras 3 writes it: .*It was saved by Keras 2\.15\.0: save"
    ):
        load_keras_file(path)


def test_a_model_that_was_never_built_is_refused_with_what_to_do(tmp_path: Path) -> None:
    import keras

    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([keras.layers.Dense(2)]).save(tmp_path / "unbuilt.keras")
    with pytest.raises(ModelError, match=r"unbuilt\.keras was saved before it had an input shape\. Give it one"):
        load_keras_file(tmp_path / "unbuilt.keras")


@pytest.mark.parametrize("shape", [(12, 10), (3, 12, 10), (1, 12, 10)])
def test_an_input_that_holds_images_in_another_way_is_refused_with_what_helps(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    import keras

    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match=r"Save it as keras\.Sequential\(.*, model\]\)\.$") as refused:
        with_pixels(model, None, path)
    advised = str(refused.value).partition("Save it as ")[2].removesuffix(".")
    helped = eval(advised, {"keras": keras, "model": model})
    assert with_pixels(helped, None, path).inputs[0].shape == (None, 12, 10, shape[0] if len(shape) == 3 else 1)


def test_the_same_network_has_the_same_digest_wherever_its_layers_policy_lay_in_memory(tmp_path: Path) -> None:
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    pixels = keras.Input((4,), name="pixels")
    network = keras.Model(pixels, keras.layers.Dense(2, name="b")(keras.layers.Dense(3, name="a")(pixels)))
    path, moved = tmp_path / "model.keras", tmp_path / "moved.keras"
    network.save(path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(moved, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            content = content.replace(b'"shared_object_id": ', b'"shared_object_id": 7')
            copy.writestr(name, content.replace(b'"date_saved": "20', b'"date_saved": "21'))
    assert keras_digest(path) != keras_digest(moved), "Keras calls shared objects by their addresses"
    for file in (path, moved):
        remove_particulars(file)
    assert keras_digest(path) == keras_digest(moved)
    assert path.read_bytes() == moved.read_bytes()
    values = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(load_keras_file(moved).predict_on_batch(values), network.predict_on_batch(values))


def test_a_clock_that_zip_does_not_know_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a board that has no clock of its own and has not heard the time yet."""
    import keras

    check_clock()
    early = time.struct_time((1975, 1, 1, 12, 30, 0, 2, 1, 0))
    monkeypatch.setattr("scoring.networks.keras_files.time.localtime", lambda *_: early)
    named = r"^Cannot write a \.keras file at 1975-01-01 12:30, which .*knows no time before 1980\. Set the clock,"
    with pytest.raises(StorageError, match=named):
        save_keras_file(keras.Sequential([keras.Input((4,))]), tmp_path / "model.keras")


def test_results_of_quantised_weights_are_not_taken_for_those_of_versions_that_misread_them(tmp_path: Path) -> None:
    """A run that one of them wrote is refused rather than continued; all other files keep their digest."""
    digests = {}
    plain = ("DTypePolicy", "FloatDTypePolicy")
    quantised = ("QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "Int4DTypePolicy", "GPTQDTypePolicy")
    for policy in (*plain, *quantised):
        path = tmp_path / f"{policy}.keras"
        config = json.dumps({"class_name": "Functional", "config": {"dtype": {"class_name": policy}}})
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", config)
        before = hashlib.sha256(b"config.json" + hashlib.sha256(config.encode()).digest()).hexdigest()
        digests[policy] = keras_digest(path) == before
    assert digests == {**dict.fromkeys(plain, True), **dict.fromkeys(quantised, False)}


def _of_ones(targets: Any, outputs: Any) -> Any:
    return targets - outputs


def test_what_a_nested_network_was_trained_with_does_not_matter(tmp_path: Path) -> None:
    """Keras compiles it again, although it is told not to, and knows no losses and metrics but its own."""
    import keras

    path = tmp_path / "m.keras"
    for settings in ({"loss": _of_ones}, {"loss": "mse", "metrics": [_of_ones]}):
        inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        inner.compile("adam", **settings)
        pixels = np.random.default_rng(0).normal(0, 1, (2, 4)).astype(np.float32)
        inner.fit(pixels, np.ones((2, 3)), verbose=0)
        network = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(0.5), inner])
        network.save(path)
        loaded = load_keras_file(path)
        np.testing.assert_array_equal(loaded.predict_on_batch(pixels), network.predict_on_batch(pixels))
