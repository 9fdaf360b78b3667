"""A dry run: what would be scored, on what, and how long it would take; nothing is written."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cluster.placement import Placement
from jobs.cli import app
from jobs.score.earlier_run import EarlierRun, look_at_earlier_run
from jobs.score.job import run_score
from jobs.score.measured_rate import bench_command, measured_rate
from jobs.score.plan import plan_score
from jobs.score.request import ImagesRequest, ScoreRequest
from scoring.bench.drawings import draw_sonar
from scoring.bench.record import RECORD_NAME
from scoring.errors import RequestError, RunFolderError
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.keras_files import keras_digest
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.run.manifest import contents_digest, manifest_rows
from scoring.run.predictions import INPUTS_KEY, StoreProbabilities, write_table
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import check_output, find_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from tests.places import on_disk
from tests.runs import SUMMARY, Scored, save_record, write_run

_MODEL = ModelRequest("vgg16-imagenet", "random", None, Precision.FLOAT32, "fake")
_SHARD_SIZE = 4


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.fixture
def listed(photos: Path) -> list[ImageEntry]:
    return list(find_images(photos).images)


@pytest.fixture
def run(photos: Path, listed: list[ImageEntry], tmp_path: Path) -> RunFolder:
    """A run of the twelve photos in three shards, of which the second is missing."""
    images = [Scored(image.path, (0.5, 0.5), size_bytes=image.size_bytes, stamp=image.stamp) for image in listed]
    return write_run(tmp_path / "run", images, location=photos, shard_size=_SHARD_SIZE, without_shards=(1,))


def _look(photos: Path, run: RunFolder, listed: list[ImageEntry], **options: Any) -> EarlierRun:
    return look_at_earlier_run(ImagesRequest(photos, replace(_MODEL, **options)), run, listed, _SHARD_SIZE)


def test_rows_that_would_stay_are_counted(photos: Path, run: RunFolder, listed: list[ImageEntry]) -> None:
    before = _files(photos.parent)
    found = _look(photos, run, listed)
    assert (found.num_done, found.record and found.record.num_images) == (8, 12)
    changed = [replace(listed[0], size_bytes=1), *listed[1:]]
    assert _look(photos, run, changed).num_done == 4
    assert _files(photos.parent) == before


def test_shards_of_what_the_photos_held_earlier_do_not_count(
    photos: Path, run: RunFolder, listed: list[ImageEntry]
) -> None:
    path = on_disk(run.shard(0, 3))
    table = pq.read_table(path)
    for inputs, num_done in ((contents_digest(manifest_rows(listed, 0, 4)), 8), ("of then", 4)):
        write_table(path, table.replace_schema_metadata({**table.schema.metadata, INPUTS_KEY: inputs}))
        assert _look(photos, run, listed).num_done == num_done


@pytest.mark.parametrize("lost", [("run.json",), ("manifest.parquet",), ("run.json", "manifest.parquet")])
@pytest.mark.parametrize("content", [None, b"half"])
def test_rows_stay_where_the_record_or_the_manifest_is_written_anew(
    photos: Path, run: RunFolder, listed: list[ImageEntry], lost: tuple[str, ...], content: bytes | None
) -> None:
    for name in lost:
        path = on_disk(run.path) / name
        path.unlink() if content is None else path.write_bytes(content)
    before = _files(photos.parent)
    assert _look(photos, run, listed).num_done == 8
    on_disk(run.shard(0, 3)).write_bytes(b"half")
    assert _look(photos, run, listed).num_done == 4
    assert _files(photos.parent) == before
    on_disk(run.shard(0, 4)).write_bytes(b"")
    with pytest.raises(RunFolderError, match=r"holds shard-00000-of-00004\.parquet"):
        _look(photos, run, listed)


def test_another_runs_folder_is_refused_as_by_the_run_itself(
    photos: Path, run: RunFolder, listed: list[ImageEntry], tmp_path: Path
) -> None:
    with pytest.raises(RunFolderError, match="a run whose engine differs"):
        _look(photos, run, listed, backend="tensorflow")
    assert _look(photos, RunFolder(tmp_path / "new"), listed) == EarlierRun()


def _keras_file(path: Path, config: str) -> str:
    """What looks like a model to who does not load it, and the digest of its network."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
    return keras_digest(path)


@pytest.mark.parametrize("added", ["", ":from-logits", ":int8-0123456789abcdef:multi-label"])
@pytest.mark.parametrize(
    ("options", "differing"),
    [
        ({}, None),
        ({"labels": "cat,wolf"}, "labels differ: expected 'dog' as class 1, received 'wolf'"),
        ({"labels": "cat,dog,wolf"}, "labels differ: expected 2, received 3"),
        ({"precision": Precision.FLOAT32}, None),
        ({"precision": Precision.BFLOAT16}, "precision differs: expected float32, received bfloat16"),
        ({"size": (32, 32)}, "model differs"),
        ({"pixels": PixelScale.TORCH}, "model differs"),
        ({"model": "other.keras"}, "model differs"),
    ],
)
def test_a_dry_run_into_the_run_of_another_model_is_refused_where_that_is_told_without_keras(
    photos: Path, listed: list[ImageEntry], tmp_path: Path, added: str, options: dict[str, Any], differing: str | None
) -> None:
    network = _keras_file(tmp_path / "mine.keras", "{}")
    _keras_file(tmp_path / "other.keras", '{"module": "keras"}')
    images = [Scored(image.path, (0.5, 0.5), size_bytes=image.size_bytes, stamp=image.stamp) for image in listed]
    run = write_run(tmp_path / "of", images, location=photos, shard_size=4, model_digest=f"{network}{added}")
    asked = {"weights": None, "labels": "cat,dog", "precision": Precision.AUTO, "model": "mine.keras", **options}
    asked["model"] = str(tmp_path / asked["model"])
    if differing is None:
        found = _look(photos, run, listed, **asked)
        assert (found.num_done, found.is_same_model) == (12, True)
    else:
        with pytest.raises(RunFolderError, match=f"holds a run whose {differing}"):
            _look(photos, run, listed, **asked)


@pytest.mark.parametrize("content", [None, b"half"])
def test_without_a_record_the_shards_tell_that_a_run_is_of_another_network(
    photos: Path, listed: list[ImageEntry], tmp_path: Path, content: bytes | None
) -> None:
    model = tmp_path / "mine.keras"
    images = [Scored(image.path, (0.5, 0.5), size_bytes=image.size_bytes, stamp=image.stamp) for image in listed]
    digest = f"{_keras_file(model, '{}')}:from-logits"
    run = write_run(tmp_path / "of", images, location=photos, shard_size=4, model_digest=digest)
    on_disk(run.record).unlink() if content is None else on_disk(run.record).write_bytes(content)
    asked = {"model": str(model), "weights": None, "labels": "cat,dog"}
    assert _look(photos, run, listed, **asked).num_done == 12
    _keras_file(model, '{"module": "keras"}')
    with pytest.raises(RunFolderError, match="holds a run whose model differs"):
        _look(photos, run, listed, **asked)


@pytest.mark.parametrize(
    ("recorded", "asked", "is_same"),
    [
        ({"precision": "float32"}, {"precision": Precision.AUTO}, False),  # may be bfloat16 here
        ({"precision": "auto"}, {"precision": Precision.AUTO}, True),
        ({"precision": "auto"}, {"precision": Precision.FLOAT32}, True),
        ({"outputs": "logits"}, {"outputs": OutputMeaning.MULTI_LABEL}, False),
        ({"outputs": "logits"}, {"outputs": OutputMeaning.LOGITS}, True),
    ],
)
def test_what_was_asked_otherwise_may_give_other_results(
    photos: Path,
    listed: list[ImageEntry],
    tmp_path: Path,
    recorded: dict[str, str],
    asked: dict[str, Any],
    is_same: bool,
) -> None:
    network = _keras_file(tmp_path / "mine.keras", "{}")
    images = [Scored(image.path, (0.5, 0.5), size_bytes=image.size_bytes, stamp=image.stamp) for image in listed]
    run = write_run(tmp_path / "of", images, location=photos, shard_size=4, model_digest=network)
    record = run.load_record()
    assert record is not None
    save_record(run, replace(record, request=replace(record.request, model={**record.request.model, **recorded})))
    model = {"weights": None, "labels": "cat,dog", "model": str(tmp_path / "mine.keras"), **asked}
    assert _look(photos, run, listed, **model).is_same_model == is_same


def test_probabilities_that_would_be_stored_otherwise_are_refused(
    photos: Path, listed: list[ImageEntry], tmp_path: Path
) -> None:
    labels, model = [f"l{number}" for number in range(40)], tmp_path / "mine.keras"
    images = [Scored(image.path, (1 / 40,) * 40, size_bytes=image.size_bytes, stamp=image.stamp) for image in listed]
    run = write_run(tmp_path / "of", images, labels, photos, 4, model_digest=_keras_file(model, "{}"))
    asked = {"model": str(model), "weights": None, "labels": ",".join(labels)}
    assert _look(photos, run, listed, **asked).num_done == 12
    with pytest.raises(RunFolderError, match="store_probabilities differs: expected few, received all"):
        _look(photos, run, listed, **asked, store_probabilities=StoreProbabilities.ALL)


def test_a_model_that_is_told_by_its_name_alone_may_be_another(
    photos: Path, run: RunFolder, listed: list[ImageEntry], tmp_path: Path
) -> None:
    assert not _look(photos, run, listed).is_same_model  # the run's is called `fake`
    record = run.load_record()
    assert record is not None
    named = {**record.request.model, "model": "vgg16-imagenet", "weights": "random"}
    save_record(run, replace(record, request=replace(record.request, model=named)))
    assert _look(photos, run, listed).is_same_model
    assert not _look(photos, run, listed, weights=None).is_same_model
    assert _look(photos, RunFolder(tmp_path / "new"), listed).is_same_model


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_folder_is_refused_as_by_the_run_itself(
    photos: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    monkeypatch.setattr("jobs.score.plan.open_session", lambda address: pytest.fail("Ray was started"))
    request = ScoreRequest(photos, ImagesRequest(photos, _MODEL), None, overwrite=overwrite)
    for run in (plan_score, run_score):
        with pytest.raises(RunFolderError, match=r"holds .* and no run\.json"):
            run(request, Console(quiet=True))


@pytest.mark.parametrize("columns", [NO_COLUMNS, TableColumns(path="path")], ids=["folder", "column"])
def test_a_run_among_the_parts_of_its_table_is_refused_before_anything_is_written(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: TableColumns
) -> None:
    """Its manifest and its shards are Parquet too."""
    monkeypatch.setattr("jobs.score.plan.open_session", lambda address: pytest.fail("Ray was started"))
    table = tmp_path / "table"
    table.mkdir()
    pq.write_table(pa.table({"path": list(map(str, photos.iterdir()))}), table / "part-0.parquet")
    images = ImagesRequest(table, _MODEL, columns=columns)
    for output in (table / "run", table / "2026" / "run", table):
        for run in (plan_score, run_score):
            with pytest.raises(RequestError, match=r"Expected `output` outside of .*table, a table"):
                run(ScoreRequest(output, images, None), Console(quiet=True))
    check_output(table, columns, table / "_run" / "features")  # no part is looked for there
    check_output(photos, NO_COLUMNS, photos / "run")
    assert _files(table) == {table / "part-0.parquet"}


def _write_bench(folder: Path, **worker: float) -> None:
    variant = {"variant": {"engine": "keras", "precision": "float32"}, "forward_images_per_s": 21.0}
    record = {
        "machine": {"processor": "a processor", "gpus": []},
        "worker": worker,
        "request": {"model": {"model": "vgg16-imagenet"}},
        "decode_images_per_s_per_core": {"median": 1000.0, "runs": []},
        "variants": [{**variant, "job_images_per_s": 20.0}],
    }
    (folder / RECORD_NAME).write_text(json.dumps(record))


def test_the_rate_is_that_of_the_run_or_of_bench_by_actors_of_the_same_kind(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record, placement = run.load_record(), Placement(3, 0, 2)
    assert record
    assert measured_rate(record, _MODEL, "float32", placement) is None, "it scored nothing"
    unread = record.with_summary(replace(SUMMARY, num_scored=9, images_per_s=0.0, steady_images_per_s=None))
    assert measured_rate(unread, _MODEL, "float32", placement) is None, "it read nothing"
    record = record.with_summary(replace(SUMMARY, num_scored=9))
    record = record.with_summary(replace(SUMMARY, num_scored=1, images_per_s=0.1, steady_images_per_s=None))
    rate = measured_rate(record, _MODEL, "float32", placement)
    assert rate
    assert (rate.images_per_s, rate.source) == (47.0, "this run's largest invocation")
    _write_bench(tmp_path, num_cpus=2, num_gpus=0)
    rate = measured_rate(None, _MODEL, "float32", placement)
    assert rate
    assert (rate.images_per_s, rate.source) == (60.0, "shardscore-bench.json, measured on a processor")
    assert measured_rate(None, _MODEL, "bfloat16", placement) is None
    assert measured_rate(None, replace(_MODEL, model="resnet50"), "float32", placement) is None
    assert measured_rate(None, replace(_MODEL, size=(320, 320)), "float32", placement) is None
    assert measured_rate(None, _MODEL, "float32", Placement(1, 0, 8)) is None
    (tmp_path / RECORD_NAME).write_text("{")
    assert measured_rate(None, _MODEL, "float32", placement) is None


@pytest.mark.parametrize(("num_images", "words"), [(63, "bench --model"), (64, "bench --images photos --model")])
def test_bench_is_told_to_take_photos_only_of_as_many_as_it_needs(num_images: int, words: str) -> None:
    assert bench_command(Path("photos"), num_images, _MODEL).startswith(f"shardscore {words}")


def test_the_command_of_bench_takes_paths_as_they_are() -> None:
    command = bench_command(Path("my\nphotos"), 64, replace(_MODEL, model="a\tb.keras"))
    assert command.startswith(r"shardscore bench --images $'my\012photos' --model $'a\011b.keras'")


@pytest.mark.ray
def test_a_dry_run_tells_all_and_writes_nothing(
    photos: Path, tmp_path: Path, two_nodes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (photos / "notes.txt").write_text("words")
    some = sorted(photos.glob("*.png"))[:7]
    Path("labels.csv").write_text("file,label\n" + "".join(f"{path.name},tabby\n" for path in some))
    before = _files(tmp_path)
    line = "score --images photos --model vgg16-imagenet --weights random --precision float32 --output run --dry-run"
    line += " --labels-file labels.csv"
    shown = CliRunner().invoke(app, line.split())
    assert shown.exit_code == 0, shown.output
    assert "12 to score of 12" in shown.stdout
    assert "1 not an image: 'notes.txt'" in shown.stdout
    assert "no label   5 images" in shown.stdout
    assert "shards     1, each with 32 images at most" in shown.stdout
    assert "to measure its rate: shardscore bench --model vgg16-imagenet --weights random\n" in shown.stdout
    plan = json.loads(CliRunner().invoke(app, [*line.split(), "--json"]).stdout)["plan"]
    assert (plan["num_images"], plan["num_done"], plan["num_shards"], plan["shard_size"]) == (12, 0, 1, 32)
    assert (plan["num_actors"], plan["gpus_per_actor"], plan["num_nodes"]) == (3, 1, 2)
    assert (plan["engine"], plan["precision"], plan["seconds"]) == ("keras-tensorflow", "float32", None)
    assert _files(tmp_path) == before


@pytest.mark.ray
def test_a_dry_run_tells_of_the_sonar_returns_too(
    photos: Path, tmp_path: Path, two_nodes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_sonar(Path("sonar.csv"), 1)
    Path("m.keras").touch()
    before = _files(tmp_path)
    line = "score --images photos --model vgg16-imagenet --weights random --output run --dry-run --sonar"
    for words, told in (
        ("sonar.csv", "208 returns, of which a network trains on 60% and scores the others"),
        ("sonar.csv --sonar-model m.keras", f"208 returns, scored with {tmp_path / 'm.keras'}"),
    ):
        ended = CliRunner().invoke(app, [*line.split(), *words.split(), "--json"])
        assert json.loads(ended.stdout)["plan"]["sonar"] == told
        assert f"sonar      {told[:20]}" in ended.stderr
    for words, told in (
        ("none.csv", "error: Expected --sonar to be a file"),
        ("sonar.csv --sonar-model no.keras", "error: Expected --sonar-model to be a readable file"),
    ):
        ended = CliRunner().invoke(app, [*line.split(), *words.split()])
        assert (ended.exit_code, ended.stderr[: len(told)]) == (2, told)
    assert _files(tmp_path) == before


@pytest.mark.ray
def test_a_dry_run_of_a_table_with_columns_names_no_measurement_that_would_fail(
    photos: Path, tmp_path: Path, two_nodes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"photo": [path.read_bytes() for path in photos.iterdir()]}), "x.parquet")
    line = "score --images x.parquet --bytes-column photo --model vgg16-imagenet --weights random --output y --dry-run"
    shown = CliRunner().invoke(app, line.split())
    assert shown.exit_code == 0, shown.output
    assert "12 to score of 12" in shown.stdout and "unknown: neither" in shown.stdout
    assert "bench --images" not in shown.stdout


def test_a_dry_run_of_sonar_alone_is_refused() -> None:
    ended = CliRunner().invoke(app, ["score", "--sonar", "uci", "--output", "run", "--dry-run"])
    assert (ended.exit_code, ended.stderr) == (2, "error: Expected --images with --dry-run; received none.\n")
