"""No short number format is taken for networks whose numbers it does not hold, though `auto` would by the device."""

import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from scoring.arrays import UInt8Array
from scoring.errors import ModelError
from scoring.models.embedding import Embedder, EmbeddingRequest, EmbeddingType
from scoring.models.model_request import ModelRequest
from scoring.networks import openvino_engine
from scoring.networks.application_networks import application_network
from scoring.networks.applications import APPLICATIONS
from scoring.networks.base_networks import is_published
from scoring.networks.base_request import BaseRequest
from scoring.networks.conversions import conversion_folder, made_once
from scoring.networks.engines import EngineName, Network
from scoring.networks.keras_engine import KerasEngine
from scoring.networks.last_activation import SIGMOID, SOFTMAX
from scoring.networks.last_step import LastStep
from scoring.networks.noise import noise
from scoring.networks.precision import Precision, PrecisionChoice, cpu_flags
from scoring.networks.precision_check import _are_alike, _are_near, held_precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.pixels.input_shape import InputShape

pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:.*overflow encountered in cast"),  # UnitNormalization: 1 / 1e-12 in float16
]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What other runs of these tests have found is not known."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def _on_turing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.networks.precision.compute_capability", lambda: 7.5)


@pytest.fixture
def _with_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.networks.precision.compute_capability", lambda: None)
    monkeypatch.setattr("scoring.networks.precision.cpu_flags", lambda: {"amx_bf16", "avx512_bf16"})


def _save(path: Path, scale: float) -> str:
    """A network that scales its features to length one: float16 holds sums of squares up to 65,504."""
    import keras

    keras.utils.set_random_seed(4)
    layers = [
        keras.Input((16, 16, 3)),
        keras.layers.Rescaling(scale / 255),
        keras.layers.Conv2D(8, 3, activation="relu", bias_initializer="ones"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.UnitNormalization(name="unit"),
        keras.layers.Dense(2, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(stddev=3)),
    ]
    keras.Sequential(layers).save(path)
    return str(path)


def _embedder(path: str, precision: Precision) -> Embedder:
    return EmbeddingRequest(BaseRequest(path, layer="unit"), EmbeddingType.FLOAT32, precision, "tensorflow").load()


def _classifier(path: str, precision: Precision) -> Any:
    return ModelRequest(path, None, "cat,dog", precision, "tensorflow").load()


@pytest.mark.usefixtures("_on_turing")
def test_auto_takes_float32_where_float16_does_not_hold_a_networks_numbers(tmp_path: Path) -> None:
    path, pixels = _save(tmp_path / "m.keras", 2000), noise(4, InputShape(16, 16))
    for load in (_embedder, _classifier):
        auto, exact = (load(path, precision) for precision in (Precision.AUTO, Precision.FLOAT32))
        assert auto.precision.precision is Precision.FLOAT32
        assert auto.precision.reason == "float16 does not hold this network's numbers"
        np.testing.assert_array_equal(auto.score(pixels), exact.score(pixels))
        with pytest.raises(ModelError, match=r"float16 can hold, up to 65,504; .* Use `precision` float32 or"):
            load(path, Precision.FLOAT16)


@pytest.mark.usefixtures("_on_turing")
def test_float16_is_taken_where_it_does(tmp_path: Path) -> None:
    path, pixels = _save(tmp_path / "m.keras", 20), noise(4, InputShape(16, 16))
    for load in (_embedder, _classifier):
        auto, exact = (load(path, precision) for precision in (Precision.AUTO, Precision.FLOAT32))
        assert (auto.precision.precision, auto.precision.reason) == (
            Precision.FLOAT16,
            "the GPU's compute capability is 7.5",
        )
        np.testing.assert_allclose(auto.score(pixels), exact.score(pixels), atol=0.02)
        assert not np.array_equal(auto.score(pixels), exact.score(pixels)), "it was computed in float16"


def _colours(path: Path, is_counted: bool) -> str:
    """A network that looks up the colour of each pixel among 512: bfloat16 has 8 bits for the index."""
    import keras

    keras.utils.set_random_seed(4)
    pixels = keras.Input((16, 16, 3))
    levels = keras.ops.floor(pixels / 32.0)
    index = levels[..., 0] * 64.0 + levels[..., 1] * 8.0 + levels[..., 2]
    if is_counted:
        found = keras.layers.CategoryEncoding(512, output_mode="count")(keras.layers.Flatten()(index))
    else:
        normal = keras.initializers.RandomNormal(stddev=10)
        colours = keras.layers.Embedding(512, 8, embeddings_initializer=normal)
        found = keras.layers.GlobalAveragePooling2D()(colours(keras.ops.cast(index, "int32")))
    found = keras.layers.UnitNormalization(name="unit")(found)
    classes = keras.layers.Dense(2, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(stddev=9))
    keras.Model(pixels, classes(found)).save(path)
    return str(path)


@pytest.mark.usefixtures("_with_amx")
def test_auto_takes_float32_where_bfloat16_does_not_hold_a_networks_numbers(tmp_path: Path) -> None:
    path, pixels = _colours(tmp_path / "m.keras", is_counted=True), noise(4, InputShape(16, 16))
    for load in (_embedder, _classifier):
        auto, exact = (load(path, precision) for precision in (Precision.AUTO, Precision.FLOAT32))
        assert auto.precision.precision is Precision.FLOAT32
        assert auto.precision.reason == "bfloat16 does not hold this network's numbers"
        np.testing.assert_array_equal(auto.score(pixels), exact.score(pixels))
        asked = load(path, Precision.BFLOAT16)
        assert asked.precision.precision is Precision.BFLOAT16, "a run that was begun in it goes on"
        assert asked.precision.reason == "asked for, though it does not hold this network's numbers"


@pytest.mark.ci
@pytest.mark.usefixtures("_with_amx")
def test_openvino_is_asked_too(tmp_path: Path) -> None:
    """It computes in bfloat16 what Keras keeps in float32."""
    pytest.importorskip("openvino")
    if not cpu_flags() & {"amx_bf16", "avx512_bf16"}:
        pytest.skip("OpenVINO computes in float32 on this processor")
    path, pixels = _colours(tmp_path / "m.keras", is_counted=False), noise(4, InputShape(16, 16))
    auto, exact = (
        ModelRequest(path, None, "cat,dog", precision, "tensorflow", EngineName.OPENVINO).load()
        for precision in (Precision.AUTO, Precision.FLOAT32)
    )
    assert auto.precision.reason == "bfloat16 does not hold this network's numbers"
    np.testing.assert_array_equal(auto.score(pixels), exact.score(pixels))


@pytest.mark.usefixtures("_with_amx")
@pytest.mark.parametrize("engine", [EngineName.KERAS, pytest.param(EngineName.OPENVINO, marks=pytest.mark.ci)])
def test_bfloat16_is_taken_where_it_does(model: Path, engine: EngineName) -> None:
    pytest.importorskip("openvino")
    loaded = ModelRequest(str(model), None, "a,b,c", Precision.AUTO, "tensorflow", engine).load()
    assert loaded.precision == PrecisionChoice(Precision.BFLOAT16, "the processor has amx_bf16 and avx512_bf16")


def _blurs(path: Path) -> str:
    """A network that tells photos out of focus from others: by the logarithm of how much neighbours differ."""
    import keras

    pixels = keras.Input((128, 128, 3))
    grey = keras.layers.Conv2D(1, 1, use_bias=False)
    edges = keras.layers.Conv2D(1, 3, use_bias=False)
    head = keras.layers.Dense(1, activation="sigmoid")
    squares = keras.ops.square(edges(grey(keras.layers.Rescaling(1 / 255)(pixels))))
    model = keras.Model(pixels, head(keras.ops.log(keras.layers.GlobalAveragePooling2D()(squares) + 1e-8)))
    grey.set_weights([np.reshape([0.299, 0.587, 0.114], (1, 1, 3, 1))])
    edges.set_weights([np.reshape([0, 1, 0, 1, -4, 1, 0, 1, 0], (3, 3, 1, 1))])
    head.set_weights([np.array([[4.3]]), np.array([47])])  # as fitted to photos blurred by 4 and by 12 pixels
    model.save(path)
    return str(path)


@pytest.mark.usefixtures("_with_amx")
@pytest.mark.parametrize("engine", [EngineName.KERAS, pytest.param(EngineName.OPENVINO, marks=pytest.mark.ci)])
def test_auto_takes_float32_where_bfloat16_does_not_hold_smooth_pictures(tmp_path: Path, engine: EngineName) -> None:
    """Noise of single pixels and of patches has the largest differences between neighbours that there are."""
    if engine is EngineName.OPENVINO:
        pytest.importorskip("openvino")
        if not cpu_flags() & {"amx_bf16", "avx512_bf16"}:
            pytest.skip("OpenVINO computes in float32 on this processor")
    path = _blurs(tmp_path / "m.keras")
    loaded = ModelRequest(path, None, "blurred,sharp", Precision.AUTO, "tensorflow", engine).load()
    assert loaded.precision.reason == "bfloat16 does not hold this network's numbers"


def _certain(path: Path, activation: str, stddev: float) -> str:
    """A network whose logits of noise and plain colours are far from each other, as those of textures are not."""
    import keras

    keras.utils.set_random_seed(3)
    pixels = hidden = keras.Input((24, 32, 3))
    for layer in (keras.layers.Rescaling(1 / 127.5, -1), keras.layers.Conv2D(16, 3, 2, activation="relu")):
        hidden = layer(hidden)
    features = keras.layers.GlobalAveragePooling2D()(hidden)
    normal = keras.initializers.RandomNormal(stddev=stddev, seed=4)
    num_outputs = 1 if activation == "sigmoid" else 2
    logits = keras.layers.Dense(num_outputs, kernel_initializer=normal)(features)
    keras.Model(pixels, keras.layers.Activation(activation)(logits)).save(path)
    return str(path)


@pytest.mark.usefixtures("_with_amx")
@pytest.mark.parametrize(
    ("activation", "engine"),
    [
        ("softmax", EngineName.KERAS),
        ("sigmoid", EngineName.KERAS),
        ("linear", EngineName.KERAS),
        pytest.param("sigmoid", EngineName.OPENVINO, marks=pytest.mark.ci),
    ],
)
def test_certainty_does_not_hide_how_far_logits_move(tmp_path: Path, activation: str, engine: EngineName) -> None:
    """Where noise and plain colours are far from the boundary between two labels, photos near it change theirs."""
    if engine is EngineName.OPENVINO:
        pytest.importorskip("openvino")
        if not cpu_flags() & {"amx_bf16", "avx512_bf16"}:
            pytest.skip("OpenVINO computes in float32 on this processor")
    for stddev, precision in ((3000, Precision.FLOAT32), (3, Precision.BFLOAT16)):
        path = _certain(tmp_path / f"{stddev}.keras", activation, stddev)
        loaded = ModelRequest(path, None, "cat,dog", Precision.AUTO, "tensorflow", engine).load()
        assert loaded.precision.precision is precision, stddev


@pytest.mark.parametrize("is_done", [False, True])
def test_odds_move_as_logits_do_that_lead_to_them(is_done: bool) -> None:
    step = LastStep(SOFTMAX, is_done=is_done)
    logits = np.array([[-60, 4, 1], [7, 0, 6]], np.float32) + np.float32(50)
    exact, others = (
        LastStep(SOFTMAX, is_done=False).probabilities(each) if is_done else each
        for each in (logits, logits + np.array([9, 1, 0.5], np.float32))
    )
    np.testing.assert_allclose(step.moved(exact, others), [[0.5], [8.5]], atol=1e-5)
    single = LastStep(SIGMOID, is_done=is_done)
    exact, others = (
        LastStep(SIGMOID, is_done=False).probabilities(each) if is_done else each
        for each in (logits[:, 1:] - 50, logits[:, 1:] - np.float32(49.5))
    )
    np.testing.assert_allclose(single.moved(exact, others), 0.5, atol=1e-3)


def test_odds_that_are_not_to_be_seen_any_more_are_taken_to_move() -> None:
    certain = np.array([[1, 0], [0, 1]], np.float32)
    for step in (LastStep(SOFTMAX), LastStep(SIGMOID)):
        moved = step.moved(certain, certain)
        assert np.isnan(moved).all()
        assert not _are_near([moved])
    assert _are_near([moved, np.full((2, 1), 0.19)])
    assert not _are_near([moved, np.full((2, 1), 0.21)])


@pytest.mark.usefixtures("_on_turing")
def test_auto_takes_float32_where_float16_does_not_hold_white(tmp_path: Path) -> None:
    """The sum of squares is at most about 35,000 for noise, and 88,000 for white."""
    import keras

    pixels = keras.Input((64, 64, 3))
    convolution = keras.layers.Conv2D(8, 1, use_bias=False)
    maps = keras.layers.AveragePooling2D(2)(convolution(keras.layers.Rescaling(1 / 255)(pixels)))
    flat = keras.layers.Flatten()(maps)
    unit = flat / keras.ops.sqrt(keras.ops.sum(keras.ops.square(flat), axis=1, keepdims=True) + 1e-3)
    normal = keras.initializers.RandomNormal(stddev=3, seed=1)
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax", kernel_initializer=normal)(unit))
    convolution.set_weights([np.full((1, 1, 3, 8), 1.1)])
    model.save(path := tmp_path / "m.keras")
    assert _classifier(str(path), Precision.AUTO).precision.reason == "float16 does not hold this network's numbers"


def _choose(network: Network, scores: list[Any]) -> PrecisionChoice:
    """What becomes of bfloat16 where the network's outputs, in one precision after the other, are `scores`."""
    chosen, calls = PrecisionChoice(Precision.BFLOAT16, "fast"), iter(scores)
    return held_precision(chosen, network, "keras-0", InputShape(4, 4), lambda precision: next(calls))


def _ones(images: Any) -> Any:
    return np.ones((len(images), 2), np.float32)


def _fails(images: Any) -> Any:
    raise LookupError("indices[14,0] = 512 is not in [0, 512)")


def test_what_fails_in_bfloat16_is_not_held() -> None:
    assert _choose(Network("a", Mock()), [_ones, _fails]).precision is Precision.FLOAT32
    with pytest.raises(LookupError, match="is not in"):
        _choose(Network("b", Mock()), [_fails])


def test_the_answer_is_kept_where_it_can_be(tmp_path: Path) -> None:
    assert _choose(Network("a", Mock()), [_ones, _ones]).precision is Precision.BFLOAT16
    assert _choose(Network("a", Mock()), []).precision is Precision.BFLOAT16, "nothing is computed"
    assert _choose(Network("b", Mock()), [_ones, _fails]).precision is Precision.FLOAT32
    assert _choose(Network("b", Mock()), []).precision is Precision.FLOAT32
    shutil.rmtree(tmp_path / "keras")
    (tmp_path / "keras").write_text("no folder can be made here")
    assert _choose(Network("a", Mock()), [_ones, _ones]).precision is Precision.BFLOAT16


def test_an_answer_that_an_earlier_version_found_by_noise_alone_is_not_taken() -> None:
    with made_once(conversion_folder("a", "keras-0-bfloat16")) as folder:
        assert folder
        (folder / "is_held.json").write_text("true")
    assert _choose(Network("a", Mock()), [_ones, _fails]).precision is Precision.FLOAT32


def test_published_networks_are_known_to_be_held() -> None:
    file = BaseRequest("a.keras")
    assert is_published(BaseRequest("resnet50", further=(BaseRequest("vgg16-convolutions"),)))
    assert not any(map(is_published, (file, BaseRequest("resnet50", further=(file,)))))
    assert application_network(APPLICATIONS["mobilenet"], RANDOM_WEIGHTS).is_published
    assert _choose(Network("a", Mock(), is_published=True), []).precision is Precision.BFLOAT16


def test_numbers_of_a_users_own_in_a_published_network_are_not_known_to_be_held(tmp_path: Path) -> None:
    own = application_network(APPLICATIONS["mobilenet"], str(_weights(tmp_path)))
    assert own.is_published
    assert _choose(own, [_ones, _fails]).precision is Precision.FLOAT32
    bases = BaseRequest("resnet50"), BaseRequest("resnet50", weights="own.h5"), BaseRequest("vgg16", RANDOM_WEIGHTS)
    assert [base.has_own_weights for base in bases] == [False, True, False]
    assert BaseRequest("vgg16", further=bases[:2]).has_own_weights


def _weights(folder: Path) -> Path:
    path = folder / "own.weights.h5"
    path.write_bytes(b"numbers")
    return path


def test_a_regression_that_gives_about_nothing_for_a_picture_is_held() -> None:
    exact = np.array([[0.002], [0.6], [-0.4], [0.5]], np.float32)
    assert _are_alike([exact], [exact + np.float32(0.01)])
    assert not _are_alike([exact], [exact + np.float32(0.2)])


def test_each_kind_of_pictures_is_judged_by_itself() -> None:
    exact = [np.full((count, 1), 0.5, np.float32) for count in (8, 2)]
    assert _are_alike(exact, [exact[0], exact[1] * np.float32(1.09)])
    assert not _are_alike(exact, [exact[0], exact[1] * np.float32(1.11)]), "0.02 on average of all"


def test_what_is_no_number_in_float32_must_not_become_one() -> None:
    exact = [np.array([[1.0], [np.nan]], np.float32)]
    assert _are_alike(exact, exact)
    assert not _are_alike(exact, [np.ones((2, 1), np.float32)])
    assert not _are_alike([np.ones((2, 1), np.float32)], exact)
    assert _are_alike([exact[0][1:]], [exact[0][1:]]), "nothing tells"


@pytest.mark.usefixtures("_with_amx")
@pytest.mark.parametrize("engine", [EngineName.KERAS, pytest.param(EngineName.OPENVINO, marks=pytest.mark.ci)])
def test_pictures_are_compared_in_no_larger_batch_than_one(
    tmp_path: Path, engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    sizes, begin, compile_model = set[int](), KerasEngine.begin, openvino_engine._compile

    def begun(self: KerasEngine, images: UInt8Array) -> Any:
        sizes.add(len(images))
        return begin(self, images)

    def compiled(model: Any, batch_size: int, precision: Precision) -> Any:
        sizes.add(batch_size)
        return compile_model(model, batch_size, precision)

    monkeypatch.setattr(KerasEngine, "begin", begun)
    monkeypatch.setattr(openvino_engine, "_compile", compiled)
    ModelRequest(_save(tmp_path / "m.keras", 20), None, "cat,dog", Precision.AUTO, "tensorflow", engine).load()
    assert sizes == ({1} if engine is EngineName.KERAS else {1, 2, 4}), "a conversion is tried by four and two"
