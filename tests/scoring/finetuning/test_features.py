import hashlib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import IncompleteError, ModelError, RunFolderError
from scoring.finetuning.features import FeatureExtractor, FeatureRequest, load_features
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.noise import noise
from scoring.networks.pooled_views import ViewPooling, Views
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.run.folder import RunFolder
from scoring.run.manifest import CONTENTS, Manifest, contents_digest, manifest_rows, read_info, write_manifest
from scoring.run.predictions import INPUTS_KEY, PIXELS_SHA256, write_table
from tests.fakes import FakeFeatures
from tests.models import save_brightness_model
from tests.runs import Scored, cats_and_dogs, record_of, save_record, write_features


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Features of eight photos and of one that could not be read."""
    folder = RunFolder(tmp_path)
    write_features(folder, [*cats_and_dogs(8), Scored("broken.png", None, "cat", "the file is empty")])
    return folder


def test_photos_are_known_by_the_paths_that_rows_of_a_table_tell(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "features")
    paths = [f"train/{label}/{number}.jpg" for label in ("cat", "dog") for number in range(3)]
    images = [
        Scored(path, None if path == "train/dog/1.jpg" else (1.0,), "cat", raw_path=path.replace("/", "\\").encode())
        for path in paths
    ]
    write_features(run, images, shard_size=2)
    features = load_features(run)
    assert sorted(image.path for image in (*features.images, *features.lost)) == paths
    assert [image.path for image in features.lost] == ["train/dog/1.jpg"]


def test_features_of_readable_photos_are_loaded_with_their_targets(folder: RunFolder) -> None:
    features = load_features(folder)
    assert (features.values.shape, features.num_errors) == ((8, 1, 2), 1)
    assert [image.path for image in features.images] == [image.path for image in cats_and_dogs(8)]
    assert features.targets == [image.target for image in cats_and_dogs(8)]


def test_heads_are_not_trained_on_features_of_another_network(folder: RunFolder) -> None:
    record = record_of(folder.path)
    save_record(folder, replace(record, fingerprint=replace(record.fingerprint, model="another")))
    with pytest.raises(IncompleteError, match="is of another run: its model differs"):
        load_features(folder)


def test_heads_are_not_trained_on_features_of_other_photos(folder: RunFolder) -> None:
    path = folder.shard(0, 1)
    table = pq.read_table(path)
    write_table(path, table.take(np.roll(np.arange(9), 1)))
    with pytest.raises(IncompleteError, match="has other image ids than the manifest"):
        load_features(folder)


def test_heads_are_not_trained_on_files_that_somebody_put_among_them(folder: RunFolder) -> None:
    (folder.predictions / "extra.parquet").write_bytes(folder.shard(0, 1).read_bytes())
    with pytest.raises(RunFolderError, match=r"it holds extra\.parquet"):
        load_features(folder)


def test_features_of_other_contents_of_the_same_photos_are_told_apart(folder: RunFolder) -> None:
    """A model folder of an earlier version, whose shards say nothing, keeps its heads."""
    assert load_features(folder).contents == ""
    table = pq.read_table(folder.shard(0, 1))
    inputs = contents_digest(Manifest(folder.manifest).describe(0, CONTENTS))
    write_table(folder.shard(0, 1), table.replace_schema_metadata(table.schema.metadata | {INPUTS_KEY: inputs}))
    save_record(folder, record_of(folder.path).with_digests({}))
    first = load_features(folder).contents
    photos = [replace(image, stamp=7) for image in Manifest(folder.manifest).shard(0)]
    write_manifest(folder.manifest, photos, 9, 0, read_info(folder.manifest).digest)
    with pytest.raises(IncompleteError, match="was made when some of its images held something else"):
        load_features(folder)
    inputs = contents_digest(manifest_rows(photos))
    write_table(folder.shard(0, 1), table.replace_schema_metadata(table.schema.metadata | {INPUTS_KEY: inputs}))
    assert load_features(folder).contents not in ("", first)


_SEEN: dict[str, Any] = {
    "once": {},
    "in views": {"layer": "conv2d", "views": Views((), True, (ViewPooling.MEAN, ViewPooling.MAX))},
}


@pytest.mark.ci
@pytest.mark.keras
@pytest.mark.parametrize("seen", [*_SEEN, "mirrored too"])
@pytest.mark.parametrize("engine", [EngineName.OPENVINO, EngineName.MNN])
def test_features_are_those_of_keras_with_every_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName, seen: str
) -> None:
    """The fingerprint tells the engines apart."""
    pytest.importorskip("openvino" if engine is EngineName.OPENVINO else "MNN")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    import_module("keras").utils.clear_session()  # its layers are counted from one again
    base = BaseRequest(str(save_brightness_model(tmp_path / "m.keras")), **_SEEN.get(seen, {}))
    request = FeatureRequest(base, seen == "mirrored too", Precision.FLOAT32, "tensorflow")
    other = replace(request, engine=engine)
    other.check()
    assert (request.engine_name, other.engine_name) == ("keras-tensorflow", str(engine))
    (keras, converted), pixels = (each.load(Mock()) for each in (request, other)), noise(4)
    assert converted.model_digest == keras.model_digest
    np.testing.assert_allclose(converted.score(pixels), keras.score(pixels), atol=1e-3)


def test_photos_are_stored_with_the_digest_of_what_the_network_saw(folder: RunFolder) -> None:
    assert load_features(folder).pixels == [None] * 8
    table = pq.read_table(folder.shard(0, 1))
    digests = [bytes([number]) * 32 for number in range(8)]
    there = table.set_column(
        table.column_names.index(PIXELS_SHA256), PIXELS_SHA256, pa.array([*digests, None], pa.binary(32))
    )
    write_table(folder.shard(0, 1), there)
    save_record(folder, record_of(folder.path).with_digests({}))
    found = load_features(folder)
    assert found.pixels == digests
    assert found.pixels_digest not in ("", replace(found, pixels=digests[::-1]).pixels_digest)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("views", "flip", "is_copy"),
    [
        (None, False, False),
        (None, True, True),
        (Views((), False, (ViewPooling.MEAN,)), False, False),
        (Views((), True, (ViewPooling.MEAN,)), False, True),
    ],
)
def test_a_mirrored_photo_is_a_copy_to_a_network_that_sees_mirror_images(
    tmp_path: Path, views: Views | None, flip: bool, is_copy: bool
) -> None:
    base = BaseRequest(str(save_brightness_model(tmp_path / "m.keras")), views=views)
    extractor = FeatureRequest(base, flip, Precision.FLOAT32).load(Mock())
    first, other = noise(2)
    mirrored = np.ascontiguousarray(first[:, ::-1])
    digest = extractor.copy_digest
    assert (digest(first) == digest(mirrored)) is is_copy
    assert is_copy or digest(first) == hashlib.sha256(first.tobytes()).digest(), "as earlier versions stored it"
    assert digest(first) != digest(other)
    assert digest(first) != digest(np.ascontiguousarray(first[::-1])), "upside down, it gives other features"


def test_features_of_an_earlier_version_tell_no_digest(folder: RunFolder) -> None:
    write_table(folder.shard(0, 1), pq.read_table(folder.shard(0, 1)).drop_columns([PIXELS_SHA256]))
    save_record(folder, record_of(folder.path).with_digests({}))
    found = load_features(folder)
    assert found.pixels == [None] * 8
    assert found.pixels_digest == ""


@pytest.mark.parametrize("width", [1, 3])
def test_shards_of_two_widths_are_refused(tmp_path: Path, width: int) -> None:
    """One value would become each of two."""
    folder = RunFolder(tmp_path)
    write_features(folder, cats_and_dogs(8), shard_size=4)
    path = folder.shard(1, 2)
    table = pq.read_table(path)
    column = pa.array([np.zeros(width, np.float16)] * 4, pa.list_(pa.float16()))
    write_table(path, table.set_column(table.column_names.index("features"), "features", column))
    save_record(folder, record_of(folder.path).with_digests({}))
    with pytest.raises(RunFolderError, match=rf"Expected 2 features of each photo in .*; another has {width}, which"):
        load_features(folder)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_photo_without_numbers_is_no_error_of_others_and_hides_no_value_beyond_float16(odd: float) -> None:
    engine = FakeFeatures([[odd, 0], [1e5, 0]])
    extractor = FeatureExtractor(engine, "digest", PrecisionChoice(Precision.FLOAT32, "asked for"), flip=False)
    np.testing.assert_array_equal(extractor.score(np.zeros((1, 1, 1, 3), np.uint8)), [[odd, 0]])
    with pytest.raises(ModelError, match=r"the range of float16 that they are stored in; received 100,000\."):
        extractor.score(np.zeros((2, 1, 1, 3), np.uint8))


def test_features_that_float16_is_too_coarse_for_are_refused() -> None:
    engine = FakeFeatures([[4e-8, 4e-8]] * 2)
    extractor = FeatureExtractor(engine, "digest", PrecisionChoice(Precision.FLOAT32, "asked for"), flip=False)
    with pytest.raises(ModelError, match=r"whose largest value is 4\.0e-08\. Use `overwrite`, and another layer with"):
        extractor.score(np.zeros((2, 1, 1, 3), np.uint8))
