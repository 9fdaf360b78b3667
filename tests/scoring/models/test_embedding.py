"""Vectors of images: what a network gives at a layer, pooled and stored as asked; null for what has none."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImagesError, ModelError, ScoringError
from scoring.models.embedding import EMBEDDING, WIDTH_KEY, Embedder, EmbeddingRequest, EmbeddingType, of_one_length
from scoring.models.model_base import base_of_model, record_of_model
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record, save_training_record
from scoring.networks.agreement import ImageSample
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.layer_cut import Pooling
from scoring.networks.noise import noise
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.pooled_views import ViewPooling, Views
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.pixels.input_shape import InputShape
from scoring.run.fingerprint import labels_digest
from scoring.run.predictions import FINGERPRINT_KEY, ScoredImage, to_parquet, write_table
from scoring.run.verification import run_status
from scoring.sources.entries import ImageEntry
from tests.fakes import FakeEngine, FakeFeatures
from tests.runs import Scored, cats_and_dogs, record_of, save_record, write_features, write_model

_SHAPE = InputShape(40, 30)


def _embedder(dtype: EmbeddingType = EmbeddingType.FLOAT16) -> Embedder:
    return Embedder(FakeEngine(), "d", PrecisionChoice(Precision.FLOAT32, ""), dtype)


def _row(name: str, *vector: float) -> ScoredImage:
    outputs = np.array(vector, np.float32) if vector else None
    return ScoredImage(ImageEntry(name, f"{name}.jpg", 1), outputs, None if vector else "the file is empty")


@pytest.mark.parametrize("dtype", EmbeddingType)
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([_row("1"), _row("2", 0.25, -3), _row("3"), _row("4", 1e-3, 2)], [None, [0.25, -3], None, [1e-3, 2]]),
        ([_row("1", 0.25, -3)], [[0.25, -3]]),
        ([_row("1"), _row("2")], [None, None]),
    ],
)
def test_vectors_are_of_one_length_and_null_for_what_could_not_be_read(
    rows: list[ScoredImage], expected: list[list[float] | None], dtype: EmbeddingType
) -> None:
    """Their length is known although no image could be read."""
    table = _embedder(dtype).to_table(rows, {"about": "this"})
    again = pq.read_table(pa.BufferReader(to_parquet(table)))
    assert again.schema.field(EMBEDDING).type == pa.list_(pa.from_numpy_dtype(str(dtype)))
    assert again["status"].to_pylist() == ["error" if one is None else "ok" for one in expected]
    assert (again.schema.metadata[WIDTH_KEY], again.schema.metadata[b"about"]) == (b"2", b"this")
    fixed = of_one_length(again[EMBEDDING], 2)
    assert fixed.type == pa.list_(pa.from_numpy_dtype(str(dtype)), 2)
    for found in (again[EMBEDDING].to_pylist(), fixed.to_pylist()):
        assert found == [one and np.array(one, str(dtype)).tolist() for one in expected]


def test_vectors_of_different_lengths_are_none() -> None:
    for lists in ([[1.0], [1.0, 2.0]], [[1.0]]):
        with pytest.raises(ValueError, match="expected vectors of 2 values"):
            of_one_length(pa.chunked_array([pa.array(lists)]), 2)


def test_verified_reader_takes_them_and_no_list_of_another_kind(tmp_path: Path) -> None:
    from scoring.run.folder import RunFolder

    folder = RunFolder(tmp_path)
    write_features(folder, cats_and_dogs(4))
    record = record_of(folder.path)
    assert record.fingerprint.labels == labels_digest(())
    rows = [replace(image.row(), outputs=np.zeros(2, np.float32)) for image in cats_and_dogs(4)]
    table = _embedder().to_table(rows, {FINGERPRINT_KEY.decode(): record.fingerprint.to_json()})
    save_record(folder, replace(record, digests=()))
    write_table(folder.shard(0, 1), table)
    assert run_status(folder, verify=True).is_complete
    for kind in (pa.list_(pa.int32()), pa.list_(pa.float32(), 2), pa.list_(pa.float64()), pa.float32()):
        column = pa.nulls(4, kind)
        write_table(folder.shard(0, 1), table.set_column(5, EMBEDDING, column))
        assert "in its column embedding" in run_status(folder, verify=True).damaged[0]


def test_value_beyond_float16_is_refused_unless_stored_as_float32() -> None:
    engine = FakeFeatures([[1e5, 0], [np.inf, 0]])
    images: Any = np.zeros((2, 1, 1, 3), np.uint8)
    with pytest.raises(ModelError, match=r"the range of float16 .*; received 100,000\. Use `overwrite`, and `dtype`"):
        replace(_embedder(), engine=engine).score(images)
    assert replace(_embedder(EmbeddingType.FLOAT32), engine=engine).score(images)[0, 0] == 1e5


@pytest.mark.parametrize(
    "vectors", [[[4.1e-8, 0, 3e-9]], [[1.23e-6, 1e-7, 0], [0, 0, 0]], [[1e-42, 0, 0], [np.nan, 1, 1]]]
)
def test_vector_too_small_for_float16_is_refused_unless_stored_as_float32(vectors: list[list[float]]) -> None:
    engine = FakeFeatures(vectors)
    images: Any = np.zeros((len(vectors), 1, 1, 3), np.uint8)
    with pytest.raises(ModelError, match=r"large enough for float16, .*; received vectors .* `dtype` float32"):
        replace(_embedder(), engine=engine).score(images)
    assert replace(_embedder(EmbeddingType.FLOAT32), engine=engine).score(images)[0, 0] > 0


@pytest.mark.parametrize("vectors", [[[1, 1e-8, -1e-30]], [[2e-3, 1e-7, 0], [0, 0, 0]], [[1, 1, 1], [0, 1e-8, 0]], []])
def test_float16_holds_what_is_tiny_beside_the_rest_of_its_vector_or_batch(vectors: list[list[float]]) -> None:
    features = np.array(vectors, np.float32).reshape(-1, 3)
    images: Any = np.zeros((len(vectors), 1, 1, 3), np.uint8)
    np.testing.assert_array_equal(replace(_embedder(), engine=FakeFeatures(features)).score(images), features)


def test_dark_photos_alone_in_a_batch_do_not_make_float16_too_coarse() -> None:
    class _Brightness(FakeEngine):
        def score(self, images: Any) -> Any:
            return images.reshape(len(images), -1).mean(axis=1, dtype=np.float32)[:, None] * np.float32(1e-10)

    class _Lit(_Brightness):
        def score(self, images: Any) -> Any:
            return np.square(super().score(images) * 1e6)

    dark: Any = np.full((2, 1, 1, 3), 1, np.uint8)
    assert replace(_embedder(), engine=_Lit()).score(dark).max() < 1e-3
    with pytest.raises(ModelError, match="large enough for float16"):
        replace(_embedder(), engine=_Brightness()).score(dark)


@pytest.mark.parametrize("num_dark", [4, 10, 30, 36])
def test_float16_is_judged_by_the_users_own_photos(num_dark: int) -> None:
    """Pictures of noise are held, and dark photos would all be lost; some among others may be nothing beside them."""

    class _Squares(FakeEngine):
        def score(self, images: Any) -> Any:
            means = images.reshape(len(images), -1).mean(axis=1, dtype=np.float32)[:, None]
            return np.square(means * np.float32(1e-4)) * np.array([1, 0.71], np.float32)

    photos: Any = np.full((40, 1, 1, 3), 200, np.uint8)
    photos[np.random.default_rng(0).permutation(40)[:num_dark]] = 1
    asked = []

    def sample(shape: InputShape) -> ImageSample:
        asked.append(shape)
        return ImageSample(photos[::2], photos)

    embedder = replace(_embedder(), engine=_Squares(), sample=sample)
    bright, dark = photos[photos[:, 0, 0, 0] == 200], photos[photos[:, 0, 0, 0] == 1]
    embedder.score(bright)
    assert not asked, "nothing was lost"
    if num_dark > 20:
        for _ in range(2):
            with pytest.raises(ModelError, match=r"large enough for float16, .* whose largest value is 1\.0e-08\."):
                embedder.score(dark)
    else:
        np.testing.assert_allclose(embedder.score(dark).astype(np.float16), 0, atol=1e-7)
    assert len(asked) == 1
    assert replace(embedder, dtype=EmbeddingType.FLOAT32).score(dark).max() > 0


def test_noise_judges_where_no_photos_can_be_had() -> None:
    def sample(shape: InputShape) -> ImageSample:
        raise ImagesError("Expected at least two readable images")

    images: Any = np.zeros((1, 1, 1, 3), np.uint8)
    with pytest.raises(ModelError, match="large enough for float16"):
        replace(_embedder(), engine=FakeFeatures([[4.1e-8, 0]]), sample=sample).score(images)


def test_base_of_a_model_is_the_network_below_its_classes(tmp_path: Path) -> None:
    for name in ("vgg16", "vgg16-imagenet", "vgg16-cats-dogs"):
        assert base_of_model(BaseRequest(name)) == BaseRequest("vgg16", None, "fc2")
    asked = BaseRequest("resnet50-cats-dogs", "random", pooling=Pooling.MAX)
    assert base_of_model(asked) == BaseRequest("resnet50", "random", None, Pooling.MAX)
    write_model(tmp_path / "model", [*cats_and_dogs(8), Scored("broken.png", None, "cat", "empty")])
    assert base_of_model(BaseRequest(str(tmp_path / "model"))) == BaseRequest("vgg16", None, "fc2")
    assert base_of_model(BaseRequest(str(tmp_path / "model"), "w.h5", "fc1")) == BaseRequest("vgg16", "w.h5", "fc1")


def test_a_published_network_and_a_folder_of_one_name_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xception").mkdir()
    (tmp_path / "xception" / "training.json").write_text("{}")
    for ask in (record_of_model, lambda name: base_of_model(BaseRequest(name))):
        with pytest.raises(
            ModelError, match=r"xception; it is a published network and a folder here\. Write \./xception"
        ):
            ask("xception")


def test_folder_gives_the_views_that_its_head_was_trained_on_and_takes_no_others(tmp_path: Path) -> None:
    write_model(tmp_path / "model", cats_and_dogs(8))
    folder = ModelFolder(tmp_path / "model")
    record = load_training_record(folder)
    seen = BaseRequest("vgg16-convolutions", None, "block5_conv3", views=Views((448, 224), True, (ViewPooling.MAX,)))
    save_training_record(folder, replace(record, base=replace(record.base, request=seen)))
    assert base_of_model(BaseRequest(str(tmp_path / "model"))) == seen
    with pytest.raises(
        ModelError, match=r"Expected no `pooling` with .*model, whose head knows features pooled as max"
    ):
        base_of_model(BaseRequest(str(tmp_path / "model"), pooling=Pooling.MAX))
    with pytest.raises(ModelError, match="Expected no `size` and no `pixels`"):
        base_of_model(BaseRequest(str(tmp_path / "model"), size=(96, 96)))
    both = BaseRequest("vgg16", None, "fc2", further=(BaseRequest("resnet50"),))
    save_training_record(folder, replace(record, base=replace(record.base, request=both)))
    assert base_of_model(BaseRequest(str(tmp_path / "model"))) == both
    with pytest.raises(
        ModelError, match=r"Expected no `weights`, .* whose head knows the features of vgg16 and resnet50"
    ):
        base_of_model(BaseRequest(str(tmp_path / "model"), weights="w.h5"))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (BaseRequest("nowhere.keras"), "Expected `model`, unless it is .* to be a .keras file; nowhere.keras does not"),
        (BaseRequest("."), "`model`: Expected a model folder that `shardscore finetune` has finished"),
    ],
)
def test_model_that_is_none_is_refused(request_: BaseRequest, message: str) -> None:
    with pytest.raises(ScoringError, match=message):
        base_of_model(request_)


def _request(path: Path | str, engine: EngineName = EngineName.KERAS, **options: Any) -> EmbeddingRequest:
    fields = {"precision": Precision.FLOAT32, "dtype": EmbeddingType.FLOAT32}
    chosen = {name: options.pop(name) for name in list(options) if name in fields}
    return EmbeddingRequest(BaseRequest(str(path), **options), backend="tensorflow", engine=engine, **fields | chosen)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (_request("vgg16", weights="random", precision=Precision.INT8), "for vectors; received int8"),
        (_request("resnet50", weights="random", size=(96, 96)), "`size` belongs to .keras files; the pixels of resn"),
        (_request("vgg16", pixels=PixelScale.UNIT), "`pixels` belongs to .keras files"),
        (_request("resnet50", weights="nowhere.h5"), "Expected `weights` to be a weights file or random"),
    ],
)
def test_request_that_cannot_be_met_is_refused_without_keras(request_: EmbeddingRequest, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        request_.check()


def _save(path: Path) -> Any:
    import keras

    keras.utils.set_random_seed(2)
    layers = [
        keras.Input((None, None, 3)),
        keras.layers.Conv2D(8, 5, strides=3, activation="relu", name="maps"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.save(path)
    return model


@pytest.mark.keras
@pytest.mark.parametrize(
    "engine", [EngineName.KERAS, EngineName.OPENVINO, pytest.param(EngineName.MNN, marks=pytest.mark.ci)]
)
def test_vectors_are_what_keras_computes_at_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    """However pooled; each is a network of its own, so that no conversion runs in another's place."""
    import keras

    pytest.importorskip("MNN" if engine is EngineName.MNN else "openvino")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    model, pixels = _save(tmp_path / "m.keras"), noise(3, _SHAPE)
    maps = keras.Model(model.inputs, model.get_layer("maps").output)
    scaled = maps.predict_on_batch(pixels.astype(np.float32) / 255)
    mean, largest = scaled.mean(axis=(1, 2)), scaled.max(axis=(1, 2))
    expected = {Pooling.MEAN: mean, Pooling.MAX: largest, Pooling.MEAN_MAX: np.concatenate([mean, largest], axis=1)}
    if engine is not EngineName.KERAS:
        del expected[Pooling.MAX]  # it is half of both, and a conversion takes seconds
    digests = set()
    for pooling, vectors in expected.items():
        options = {"layer": "maps", "size": _SHAPE.size, "pixels": PixelScale.UNIT, "pooling": pooling}
        embedder = _request(tmp_path / "m.keras", engine, **options).load()
        assert embedder.input_shape == _SHAPE
        np.testing.assert_allclose(embedder.score(pixels), vectors, atol=1e-3 if engine is EngineName.MNN else 1e-5)
        digests.add(embedder.model_digest)
    assert len(digests) == len(expected)


@pytest.mark.keras
def test_all_that_shapes_a_vector_is_in_the_digest(tmp_path: Path) -> None:
    _save(tmp_path / "m.keras")
    options: list[dict[str, Any]] = [
        {},
        {"layer": "maps"},
        {"layer": "maps", "pooling": Pooling.MAX},
        {"size": (64, 48)},
        {"pixels": PixelScale.TORCH},
        {"dtype": EmbeddingType.FLOAT16},
    ]
    digests = [_request(tmp_path / "m.keras", **one).load().model_digest for one in options]
    assert len(set(digests)) == len(options)
    assert _request(tmp_path / "m.keras", size=(224, 224)).load().model_digest == digests[0]


@pytest.mark.keras
def test_a_layer_of_vectors_is_pooled_in_no_other_way(tmp_path: Path) -> None:
    _save(tmp_path / "m.keras")
    for pooling in (Pooling.MAX, Pooling.MEAN_MAX):
        with pytest.raises(ModelError, match=rf"Expected maps for `pooling` {re.escape(pooling)}; .* has one vector"):
            _request(tmp_path / "m.keras", pooling=pooling).load()
