import json
import os
import threading
from collections.abc import Collection
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import __version__
from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ImagesError, RequestError, RunFolderError, UnreachableError
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.pixels.resampling import RESAMPLING
from scoring.run.fingerprint import Fingerprint, check_same, parse_fingerprint
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.image_sample import image_sample, images_to_compare
from scoring.shards.retry import Retry, ShardTask
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings, fingerprint_of
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images
from scoring.sources.table_columns import TableColumns
from scoring.sources.timed_reader import TimedReader
from scoring.storage.reading import _read_part as _read
from tests.fakes import FAKE_MODEL, FakeEngine, load_fake
from tests.runs import bare_record, read_predictions, save_record


def _settings(photos: Path, output: Path, batch_size: int = 4, shard_size: int = 5) -> ScorerSettings:
    folder = RunFolder(output)
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(photos).images, shard_size, 0)
    return ScorerSettings(photos, output, FAKE_MODEL, Resize.SQUASH, batch_size, decode_threads=2)


def _score_all(settings: ScorerSettings, num_shards: int = 3) -> list[dict[str, Any]]:
    scorer = ShardScorer(settings, load_fake)
    for shard_id in reversed(range(num_shards)):
        scorer(shard_id)
    rows: list[dict[str, Any]] = read_predictions(RunFolder(settings.output).predictions).to_pylist()
    return rows


def test_rows_come_in_natural_order_with_the_scores_of_their_own_image(photos: Path, tmp_path: Path) -> None:
    rows = _score_all(_settings(photos, tmp_path / "run"))
    assert [row["image_id"] for row in rows] == [str(number) for number in range(1, 13)]
    expected = [[1 - number * 20 / 255, number * 20 / 255] for number in range(1, 13)]
    np.testing.assert_allclose([row["probabilities"] for row in rows], expected, atol=1e-6)


@pytest.mark.parametrize(("batch_size", "shard_size"), [(1, 5), (3, 4), (16, 12), (5, 1)])
def test_scores_are_the_same_for_any_batch_and_shard_size(
    photos: Path, tmp_path: Path, batch_size: int, shard_size: int
) -> None:
    num_shards = -(-12 // shard_size)
    rows = _score_all(_settings(photos, tmp_path / "run", batch_size, shard_size), num_shards)
    assert rows == _score_all(_settings(photos, tmp_path / "reference"))


def test_every_batch_has_the_one_compiled_shape(photos: Path, tmp_path: Path) -> None:
    engine = FakeEngine()
    settings = _settings(photos, tmp_path / "run", batch_size=4, shard_size=5)
    ShardScorer(settings, lambda request: replace(load_fake(request), engine=engine))(0)
    assert engine.shapes == [(4, 224, 224, 3), (4, 224, 224, 3)]


def test_unreadable_images_are_rows_with_a_reason(photos: Path, tmp_path: Path) -> None:
    (photos / "3.png").write_text("<html>")
    (photos / "7.png").write_bytes(b"")
    settings = _settings(photos, tmp_path / "run")
    (photos / "9.png").unlink()  # after it was listed
    rows = _score_all(settings)
    errors = {row["image_id"]: row["error_message"] for row in rows if row["status"] == "error"}
    assert len(rows) == 12
    assert errors == {
        "3": "not an image in any known format",
        "7": "the file is empty",
        "9": "temporary: cannot read: No such file or directory",
    }


def test_a_shard_half_of_which_cannot_be_read_is_left_to_another_machine_where_there_is_one(
    photos: Path, tmp_path: Path
) -> None:
    (photos / "1.png").write_text("<html>")  # as it is everywhere
    settings = _settings(photos, tmp_path / "run", shard_size=12)
    for number in range(2, 8):
        (photos / f"{number}.png").rename(tmp_path / f"{number}.png")
    scorer = ShardScorer(settings, load_fake)
    for score in (scorer, scorer.again):
        with pytest.raises(UnreachableError, match=r"2\.png: 6 of 12 images .* this one: .*No such file"):
            score(0, refusals=())
    assert not list(RunFolder(settings.output).predictions.glob("*"))

    (tmp_path / "2.png").rename(photos / "2.png")
    assert scorer(0, refusals=()).num_errors == 6
    report = scorer(0)
    for number in range(3, 8):
        (tmp_path / f"{number}.png").rename(photos / f"{number}.png")
    assert scorer(Retry(0, report.digest), refusals=()).num_errors == 0


def _said(scorer: ShardScorer, task: ShardTask, refusals: Collection[str]) -> str:
    """What a machine says that does not score a shard."""
    with pytest.raises(UnreachableError) as raised:
        scorer(task, refusals)
    return str(raised.value)


def test_a_shard_of_which_two_machines_can_read_the_same_is_written_and_one_of_which_they_read_nothing_is_not(
    photos: Path, tmp_path: Path
) -> None:
    scorer = ShardScorer(_settings(photos, tmp_path / "run", shard_size=12), load_fake)
    (tmp_path / "away").mkdir()
    for number in range(2, 12):
        (photos / f"{number}.png").rename(tmp_path / "away" / f"{number}.png")
    once = _said(scorer, 0, ())
    (photos / "12.png").rename(tmp_path / "away" / "12.png")
    assert once != _said(scorer, 0, {once}), "less can be read here"
    (tmp_path / "away" / "12.png").rename(photos / "12.png")
    report = scorer(0, {"other", once})
    assert (report.shortfall, report.num_errors) == (once, 10)

    again = _said(scorer, Retry(0, report.digest), ())
    assert scorer(Retry(0, report.digest), {again}).shortfall, "they could not be read at another time, either"
    (photos / "none").touch()
    for number in (1, 12):
        (photos / f"{number}.png").unlink()
    assert _said(scorer, 0, {_said(scorer, 0, ())}), "what lacks all of them may be the machines"
    for photo in (tmp_path / "away").iterdir():
        photo.rename(photos / photo.name)
    assert not scorer(0, ()).shortfall


def test_all_rows_are_written_where_no_other_machine_may_have_the_images(photos: Path, tmp_path: Path) -> None:
    settings = _settings(photos, tmp_path / "run", shard_size=12)
    for number in range(2, 13):
        (photos / f"{number}.png").unlink()
    assert ShardScorer(settings, load_fake)(0).num_errors == 11


@pytest.mark.ci
@pytest.mark.parametrize("again", [False, True])
def test_reads_that_hang_are_rows_with_a_reason_and_hold_no_shard_up(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    settings, ended, read = replace(_settings(photos, tmp_path / "run"), read_timeout_s=2.0), threading.Event(), _read
    scorer = ShardScorer(settings, load_fake)

    def hang(path: Path, start: int, length: int) -> tuple[bytes, os.stat_result]:
        if path.name in ("2.png", "4.png"):
            ended.wait(30)
        return read(path, start, length)

    monkeypatch.setattr("scoring.storage.reading._read_part", hang)
    report = scorer.again(0) if again else scorer(0)
    ended.set()
    rows = read_predictions(RunFolder(settings.output).predictions).to_pylist()
    assert report.num_errors == 2
    errors = {row["image_id"]: row["error_message"] for row in rows if row["status"] == "error"}
    assert errors == dict.fromkeys("24", "temporary: cannot read: reading took longer than 2 s")


def test_a_machine_that_decodes_otherwise_than_the_drivers_refuses(photos: Path, tmp_path: Path) -> None:
    settings = replace(_settings(photos, tmp_path / "run"), decoding="another-bilinear-scaled")
    with pytest.raises(RequestError, match="decode as the command does, another-bilinear-scaled; this machine's do"):
        ShardScorer(settings, load_fake)


def test_report_counts_rows_and_errors(photos: Path, tmp_path: Path) -> None:
    (photos / "3.png").write_text("<html>")
    report = ShardScorer(_settings(photos, tmp_path / "run"), load_fake)(0)
    assert (report.shard_id, report.num_images, report.num_errors, report.num_warm_images) == (0, 5, 1, 1)
    assert min(report.read_s, report.decode_s, report.score_s, report.write_s) > 0


def test_probability_that_is_not_a_number_is_an_error_row(photos: Path, tmp_path: Path) -> None:
    class Overflowing(FakeEngine):
        def score(self, images: UInt8Array) -> Float32Array:
            probabilities = super().score(images)
            probabilities[1] = np.nan
            return probabilities

    settings = _settings(photos, tmp_path / "run")
    ShardScorer(settings, lambda request: replace(load_fake(request), engine=Overflowing()))(0)
    rows = read_predictions(RunFolder(settings.output).predictions).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "error", "ok", "ok", "ok"]
    assert rows[1]["error_message"] == "the model returned a value that is not a number"


def test_a_second_shard_is_decoded_while_the_first_is_scored(photos: Path, tmp_path: Path) -> None:
    in_model, go_on = threading.Event(), threading.Event()
    read: list[str] = []

    class Waiting(FakeEngine):
        def score(self, images: UInt8Array) -> Float32Array:
            in_model.set()
            assert go_on.wait(timeout=30)
            return super().score(images)

    def load(request: ModelRequest) -> Classifier:
        return replace(load_fake(request), engine=Waiting())

    scorer = ShardScorer(_settings(photos, tmp_path / "run"), load)
    reader = scorer._decoders.read

    def spy(image: ImageEntry) -> bytes:
        read.append(image.path)
        return reader(image)

    scorer._decoders.read = TimedReader(spy, None, is_local=True)
    first, second = (threading.Thread(target=scorer, args=(shard_id,)) for shard_id in (0, 1))
    first.start()
    assert in_model.wait(timeout=30)
    second.start()
    for _ in range(1000):
        if "6.png" in read:
            break
        threading.Event().wait(0.01)
    go_on.set()
    first.join()
    second.join()
    assert "6.png" in read


def test_every_shard_carries_labels_and_fingerprint(photos: Path, tmp_path: Path) -> None:
    settings = _settings(photos, tmp_path / "run")
    ShardScorer(settings, load_fake)(0)
    metadata = pq.read_schema(RunFolder(settings.output).shard(0, 3)).metadata
    fingerprint = json.loads(metadata[b"shardscore.fingerprint"])
    assert json.loads(metadata[b"shardscore.labels"]) == ["cat", "dog"]
    assert fingerprint["model"] == "fake-digest"
    assert fingerprint["resize"] == f"squash-{RESAMPLING}-scaled"
    assert json.loads(metadata[b"shardscore.versions"])["shardscore"] == __version__


def test_another_version_of_ours_goes_on_with_a_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(photos, tmp_path / "run")
    ours = ShardScorer(settings, load_fake).description
    monkeypatch.setattr("scoring.shards.settings.__version__", "99")
    newer = ShardScorer(settings, load_fake).description
    assert newer.versions != ours.versions
    assert fingerprint_of(settings, "digest", newer) == fingerprint_of(settings, "digest", ours)


@pytest.mark.parametrize("field", [field.name for field in fields(Fingerprint)])
def test_another_fingerprint_is_refused_by_the_fields_name(field: str) -> None:
    stored = Fingerprint("a", "a", "a", "a", "a", "a", 2, store_probabilities="a", bytes_column="a")
    check_same(stored, asdict(stored), "runs/test")
    with pytest.raises(RunFolderError, match=rf"whose {field} differs?: expected [a2]\S*, received b"):
        check_same(stored, {field: "b"}, "runs/test")


def test_another_precision_is_refused_with_how_to_go_on_in_the_former() -> None:
    stored = Fingerprint("a", "a", "a", "a", "a", "bfloat16", 2)
    with pytest.raises(RunFolderError, match=r"float32\. Name `precision` bfloat16 to go on with it\. Use"):
        check_same(stored, {"precision": "float32"}, "runs/test")


def test_an_int8_model_calibrated_on_photos_that_changed_is_refused_with_the_reason() -> None:
    stored = Fingerprint("a", "net:int8-1", "a", "a", "a", "a", 2)
    with pytest.raises(RunFolderError, match="calibrated for int8 on photos of the collection, and of these some ch"):
        check_same(stored, {"model": "net:int8-2"}, "runs/test")
    for other in ("net", "other:int8-1"):
        with pytest.raises(RunFolderError, match=rf"received {other}\. Use another"):
            check_same(stored, {"model": other}, "runs/test")


def test_shape_is_in_the_fingerprint_unless_it_is_what_all_networks_took_once(photos: Path, tmp_path: Path) -> None:
    settings = _settings(photos, tmp_path / "run")
    usual = ShardScorer(settings, load_fake).description
    assert "input_shape" not in fingerprint_of(settings, "digest", usual).to_json()
    assert parse_fingerprint(fingerprint_of(settings, "digest", usual).to_json()).input_shape == "224x224x3"
    wide = fingerprint_of(settings, "digest", replace(usual, input_shape=InputShape(240, 320, 1)))
    assert json.loads(wide.to_json())["input_shape"] == "240x320x1"
    with pytest.raises(RunFolderError, match="whose input_shape differs: expected 240x320x1, received 224x224x3"):
        check_same(wide, asdict(fingerprint_of(settings, "digest", usual)), "runs/test")


@pytest.mark.parametrize("again", [False, True])
def test_images_are_decoded_to_the_models_shape(photos: Path, tmp_path: Path, again: bool) -> None:
    class Wide(FakeEngine):
        @property
        def input_shape(self) -> InputShape:
            return InputShape(9, 5, 1)

    engine = Wide()
    scorer = ShardScorer(
        _settings(photos, tmp_path / "run"), lambda request: replace(load_fake(request), engine=engine)
    )
    report = scorer.again(0) if again else scorer(0)
    assert (report.num_images, report.num_errors) == (5, 0)
    assert engine.shapes == [(4, 9, 5, 1), (4, 9, 5, 1)]
    assert scorer.description.input_shape == InputShape(9, 5, 1)


def test_sample_comes_from_all_over_a_table_and_leaves_out_what_cannot_be_read(photos: Path, tmp_path: Path) -> None:
    encoded = [(photos / f"{number}.png").read_bytes() for number in range(1, 13)]
    pq.write_table(pa.table({"image": [*encoded, b"no picture"]}), tmp_path / "table.parquet")
    columns = TableColumns(content="image")
    images = find_images(tmp_path / "table.parquet", columns).images
    write_manifest(tmp_path / "manifest.parquet", images, shard_size=5, num_left_out=0)
    settings = ScorerSettings(tmp_path / "table.parquet", tmp_path, FAKE_MODEL, Resize.SQUASH, 4, 2, columns)
    sample = image_sample(settings, InputShape(9, 5, 1))
    assert sample.to_calibrate.shape == (6, 9, 5, 1)
    halves = [[int(image[0, 0, 0]) // 20 for image in half] for half in (sample.to_calibrate, sample.to_compare)]
    assert sorted([*halves[0], *halves[1]]) == list(range(1, 13))
    for half in halves:
        assert [(number - 1) // 2 for number in half] == [0, 1, 2, 3, 4, 5]
        assert {number % 2 for number in half} == {0, 1}, "of photos in pairs, each half has left and right ones"
    seen = images_to_compare(settings, InputShape(9, 5, 1))
    assert [int(pixels[0, 0, 0]) // 20 for pixels in seen.values()] == halves[1]


def test_sample_of_a_run_that_goes_on_says_its_model_and_is_read_though_the_table_has_changed(
    photos: Path, tmp_path: Path
) -> None:
    contents, columns = (
        [(photos / f"{number}.png").read_bytes() for number in range(1, 13)],
        TableColumns(None, "image"),
    )
    pq.write_table(pa.table({"image": contents}), tmp_path / "table.parquet")
    images = find_images(tmp_path / "table.parquet", columns).images
    write_manifest(tmp_path / "manifest.parquet", images, shard_size=5, num_left_out=0)
    settings = ScorerSettings(tmp_path / "table.parquet", tmp_path, FAKE_MODEL, Resize.SQUASH, 4, 2, columns)
    pq.write_table(pa.table({"image": contents[::-1]}), tmp_path / "table.parquet")
    with pytest.raises(ImagesError, match="found 0"):
        image_sample(settings, InputShape(9, 5, 1))
    save_record(RunFolder(tmp_path), bare_record())
    sample = image_sample(settings, InputShape(9, 5, 1))
    assert (sample.to_calibrate.shape, sample.earlier_model) == ((6, 9, 5, 1), "model")
    (tmp_path / "run.json").write_text("null")
    with pytest.raises(ImagesError, match="found 0"):
        image_sample(settings, InputShape(9, 5, 1))
