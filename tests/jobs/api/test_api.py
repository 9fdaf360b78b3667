"""The Python face, without a cluster: `shardscore` is `jobs.api` under the name that users import."""

import math
import signal
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs import api as shardscore
from jobs.cli import app
from jobs.console.failures import Missing
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record, save_training_record
from scoring.run.reader import RunReader
from scoring.sonar.metrics_file import SonarMetrics, write_metrics
from scoring.storage.locations import Url
from tests.runs import cats_and_dogs, write_model, write_run


def test_everything_that_is_exported_is_there_and_says_what_it_is() -> None:
    assert shardscore.__all__ == sorted(shardscore.__all__)
    for name in set(shardscore.__all__) - {"__version__"}:
        assert getattr(shardscore, name).__doc__, name


def test_version_is_the_commands() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"{shardscore.__version__}\n")


def test_functions_take_text_and_paths_and_return_what_they_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16)).path
    write_model(tmp_path / "model", cats_and_dogs(16))
    status = shardscore.status(str(run), verify=True)
    assert (status.is_complete, status.num_rows, status.verified) == (True, 16, True)
    assert shardscore.report(run).path == run / "report.html"
    assert shardscore.report(tmp_path / "model", output=str(tmp_path / "page.html")).path == tmp_path / "page.html"
    assert (tmp_path / "page.html").is_file()
    assert capsys.readouterr() == ("", ""), "nothing is printed unless asked"
    uri = (tmp_path / "run").as_uri()
    assert shardscore.status(uri).is_complete
    assert shardscore.report(uri, output=(tmp_path / "my page").as_uri()).path == tmp_path / "my page"


def test_a_submission_of_part_of_the_test_set_is_made_and_says_where(tmp_path: Path) -> None:
    images = [each.__class__(f"{number}.jpg", each.probabilities) for number, each in enumerate(cats_and_dogs(16), 1)]
    run = write_run(tmp_path / "run", images).path
    made = shardscore.submission(run, partial=True, competition="dogs-vs-cats")
    assert (made.path, made.num_rows) == (tmp_path / "run" / "submission.csv", 16)
    with pytest.raises(shardscore.IncompleteError, match="of dogs-vs-cats-redux-kernels-edition are missing: 17"):
        shardscore.submission(run)


def test_what_is_written_is_named_by_its_absolute_path_and_printed_as_it_was_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [each.__class__(f"{number}.jpg", each.probabilities) for number, each in enumerate(cats_and_dogs(16), 1)]
    write_run(tmp_path / "run", images)
    (tmp_path / "sample.csv").write_text("id,dog\n1,0.5\n")
    monkeypatch.chdir(tmp_path)
    made: list[Any] = [
        shardscore.report("run", verbose=True),
        shardscore.submission("run", partial=True, output="whole.csv", verbose=True),
        shardscore.submission("run", template="sample.csv", output="filled.csv", verbose=True),
    ]
    assert [one.path for one in made] == [tmp_path / name for name in ("run/report.html", "whole.csv", "filled.csv")]
    assert str(tmp_path) not in capsys.readouterr().out


def test_a_run_in_a_bucket_is_named_by_text_and_by_what_a_result_calls_its_path(bucket: Url) -> None:
    run = write_run(bucket / "run", cats_and_dogs(16), without_shards=(1,))
    assert shardscore.status(str(run.path)) == shardscore.status(run.path)
    assert shardscore.status(run.path).missing == [1]
    assert shardscore.report(run.path).missing_shards == [1]


def test_asked_to_it_prints_what_the_command_prints_but_names_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16)).path
    shardscore.status(run, verbose=True)
    by_function = capsys.readouterr().out
    by_command = CliRunner().invoke(app, ["status", str(run)]).stdout
    assert "`verify` reads every row" in by_function
    assert "--verify reads every row" in by_command
    with (tmp_path / "log").open("w") as log:
        shardscore.report(run, verbose=Console(file=log))
    assert "MB in" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shardscore.score(output="run"), "Expected `images`, `sonar` or both"),
        (
            lambda: shardscore.score(output="run", images="here", sonar_model="sonar.keras"),
            "`sonar_model` goes with `sonar`; there is none",
        ),
        (
            lambda: shardscore.score(output="run", sonar="uci", sonar_model="sonar.keras", seed=1),
            "`seed` decides how a network is trained; with `sonar_model` none is",
        ),
        (
            lambda: shardscore.score(output="run", sonar="uci", model="nothere.keras"),
            "`model` goes with `images`; there is none",
        ),
        (
            lambda: shardscore.score(output="run", sonar="uci", labels=["cat", "dog"]),
            "`labels` goes with `images`; there is none",
        ),
        (
            lambda: shardscore.score(output="run", sonar="uci", precision="int8"),
            "`precision` goes with `images`; there is none",
        ),
        (
            lambda: shardscore.score(output="run", sonar="uci", labels_file="train.csv"),
            "`labels_file` goes with `images`; there is none",
        ),
        (lambda: shardscore.score(output="run", images="here", batch_size=0), "Expected `batch_size` of at least 1"),
        (lambda: shardscore.score(output="run", images="here", batch_size="0"), "Expected `batch_size` of at least 1"),
        (
            lambda: shardscore.score(output="run", images="here", batch_size="many"),
            "Expected `batch_size` to be a number or auto; received 'many'",
        ),
        (
            lambda: shardscore.score(output="run", images="here", read_timeout=0),
            "Expected `read_timeout` of at least 1",
        ),
        (
            lambda: shardscore.score(output="run", images="here", read_timeout=math.inf),
            r"Expected `read_timeout` of at most 1e\+09; received inf",
        ),
        (
            lambda: shardscore.embed(output="run", images="here", base="vgg16", read_timeout=1e10),
            r"Expected `read_timeout` of at most 1e\+09; received 1e\+10",
        ),
        (
            lambda: shardscore.finetune(output="run", images="here", read_timeout=math.nan),
            "Expected `read_timeout` to be a number; received nan",
        ),
        (
            lambda: shardscore.score(output="run", images="here", shard_deadline=math.inf),
            r"Expected `shard_deadline` of at most 1e\+09; received inf",
        ),
        (
            lambda: shardscore.finetune(output="run", images="here", wait_for_nodes=math.nan),
            "Expected `wait_for_nodes` to be a number; received nan",
        ),
        (
            lambda: shardscore.finetune(output="run", images="here", cpus_per_actor=math.nan),
            "Expected `cpus_per_actor` to be a number; received nan",
        ),
        (lambda: shardscore.score(output="run", images="here", resize="stretch"), "Expected `resize` to be one of"),
        (
            lambda: shardscore.score(output="run", images="here", labels=[]),
            "Expected names in `labels`; received an empty",
        ),
        (lambda: shardscore.score(output=Path("s3://b/run"), images="here"), "Expected `output` as text where it is"),
        (lambda: shardscore.finetune(images="here", output="run", ensemble=0), "Expected `ensemble` of at least 1"),
        (lambda: shardscore.finetune(images="here", output="run", unfreeze="all"), "Expected `unfreeze` to be one of"),
        (lambda: shardscore.sonar(output="s3://bucket/sonar"), "Expected `output` on this machine"),
        (lambda: shardscore.sonar(output="run", protocol=["best"]), "Expected `protocol` to be one of article"),
        (lambda: shardscore.status("nowhere"), "nowhere is no folder"),
        (lambda: shardscore.submission("nowhere", competition="titanic"), "Expected `competition` to be one of"),
        (lambda: shardscore.report("nowhere"), "Expected a folder written by"),
    ],
)
def test_nonsense_raises_one_line_that_names_the_field_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object], message: str
) -> None:
    monkeypatch.setattr("ray.init", lambda **options: pytest.fail("Ray was started"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises((shardscore.RequestError, shardscore.PlacementError), match=message) as raised:
        call()
    assert "\n" not in str(raised.value)
    assert list(tmp_path.rglob("*")) == [tmp_path / "here"]


_OF_RUN = {"output", "images", "sonar", "address", "overwrite", "dry_run", "verbose"}
_OF_SONAR: dict[str, Any] = {"sonar_model": "sonar.keras", "seed": 1}
_OF_IMAGES: dict[str, Any] = {
    **dict.fromkeys(("model", "weights", "path_column", "bytes_column", "id_column", "label_column", "size"), "any"),
    **dict.fromkeys(("outputs", "output_name", "pixels", "store_probabilities", "accelerator_type"), "any"),
    **dict.fromkeys(("labels", "labels_from", "labels_file", "resize", "engine", "precision"), "any"),
    **dict.fromkeys(("batch_size", "shard_size", "actors", "wait_for_nodes"), 8),
    **dict.fromkeys(("gpus_per_actor", "cpus_per_actor", "shard_deadline", "read_timeout"), 8.0),
}


def test_what_is_said_of_a_half_that_is_not_scored_is_refused_with_every_option() -> None:
    assert set(signature(shardscore.score).parameters) == _OF_RUN | set(_OF_SONAR) | set(_OF_IMAGES)
    for half, other, options in (("images", "sonar", _OF_IMAGES), ("sonar", "images", _OF_SONAR)):
        for field, value in options.items():
            with pytest.raises(shardscore.RequestError, match=rf"^`{field}` goes with `{half}`; there is none\. "):
                shardscore.score(output="run", **{other: "here", field: value})


class _Images:
    """The images' half of a run that loses shard 3."""

    def __init__(self, *_: object, sonar: object) -> None:
        pass

    def start_listing(self, lease: Any, overwrite: bool) -> None:
        pass

    def files(self) -> list[Any]:
        return []

    photos = files

    def run(self, *_: object) -> list[Missing]:
        return [Missing("shard 3", "its disk is full")]


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.score.job.open_session", lambda *_: nullcontext())
    monkeypatch.setattr("jobs.score.job.find_missing_by_node", lambda needed: {})
    monkeypatch.setattr("jobs.score.job.ImagesJob", _Images)


def test_a_run_that_lacks_a_shard_is_an_error_that_names_it_and_no_result(
    no_cluster: None, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(shardscore.IncompleteError, match=r"Missing: shard 3\. Why: its disk is full\. Run"):
        shardscore.score(images=photos, output=tmp_path / "run")
    result = CliRunner().invoke(app, ["score", "--images", str(photos), "--output", str(tmp_path / "run")])
    assert (result.exit_code, result.stderr) == (
        1,
        "error: Missing: shard 3. Why: its disk is full. Run the same again: it does only what is missing.\n",
    )
    with pytest.raises(shardscore.IncompleteError, match=r"Missing: shard 3\. .* Run it again without `overwrite`: "):
        shardscore.score(images=photos, output=tmp_path / "run", overwrite=True)


def test_functions_leave_signals_alone_and_work_beside_the_main_thread(
    no_cluster: None, photos: Path, tmp_path: Path
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    raised: list[Exception] = []

    def call() -> None:
        try:
            shardscore.score(images=photos, output=tmp_path / "run")
        except shardscore.IncompleteError as error:
            raised.append(error)

    call()
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(raised) == 2
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("function", [shardscore.score, shardscore.embed, shardscore.finetune])
def test_a_fork_of_a_process_with_ray_begins_nothing(
    function: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.session._is_fork_of_ray", True)
    base = "base" if function is shardscore.finetune else "model"
    with pytest.raises(shardscore.SessionError, match=r'get_context\("spawn"\)'):
        function(images=tmp_path, output=tmp_path / "out", **{base: "resnet50"})
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_images_has_no_predictions(tmp_path: Path) -> None:
    with pytest.raises(shardscore.RequestError, match="Expected a run of images"):
        shardscore.Run(tmp_path, None, None).predictions()


def test_predictions_are_a_table_that_pandas_takes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16))
    summary: Any = object()
    found = shardscore.Run(run.path, summary, None)
    assert isinstance(found.predictions(), pa.Table)
    frame = found.predictions(["image_id", "label"]).to_pandas()
    assert list(frame.columns) == ["image_id", "label"]
    assert len(frame) == 16
    with pytest.raises(shardscore.RequestError, match=r"`columns` of image_id, path, .*; received 'lable'") as refused:
        found.predictions(["image_id", "lable"])
    assert "\n" not in str(refused.value)


def test_an_earlier_result_never_returns_the_rows_of_a_later_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16))
    fingerprint = RunReader(run).record.fingerprint
    summary: Any = object()
    assert len(shardscore.Run(run.path, summary, None, None, fingerprint).predictions()) == 16
    earlier = replace(fingerprint, model="2" * 64)
    message = "Expected the run of this result in .*/run; another has taken its place, whose model differs"
    with pytest.raises(shardscore.RunFolderError, match=message):
        shardscore.Run(run.path, summary, None, None, earlier).predictions()
    with pytest.raises(shardscore.RunFolderError, match=message):
        shardscore.Embeddings(run.path, summary, earlier).table()


@pytest.mark.parametrize("function", [shardscore.status, shardscore.report, shardscore.submission])
def test_an_earlier_result_never_stands_for_a_later_run_where_a_path_is_taken(
    function: Callable[..., Any], tmp_path: Path
) -> None:
    images = [each.__class__(f"{number}.jpg", each.probabilities) for number, each in enumerate(cats_and_dogs(16), 1)]
    run = write_run(tmp_path / "run", images)
    record, summary = RunReader(run).record, cast("Any", None)
    options = {"partial": True} if function is shardscore.submission else {}
    own = shardscore.Run(run.path, summary, None, None, record.fingerprint, record.digest)
    assert function(own, **options)
    places = sorted(tmp_path.rglob("*"))
    earlier = replace(record.fingerprint, model="2" * 64)
    for result, message in (
        (replace(own, fingerprint=earlier), "the run of this result .* taken its place, whose model differs"),
        (replace(own, digest="0" * 64), "some or all were scored anew since"),
        (shardscore.Embeddings(run.path, summary, earlier), "the run of this result .* whose model differs"),
    ):
        with pytest.raises(shardscore.RunFolderError, match=message):
            function(result, **options)
    assert sorted(tmp_path.rglob("*")) == places


def test_an_earlier_result_as_output_is_the_folder_that_is_written_to(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(16))
    fingerprint = replace(RunReader(run).record.fingerprint, model="2" * 64)
    earlier: Any = shardscore.Run(run.path, None, None, None, fingerprint)
    with pytest.raises(shardscore.ModelError, match=r"none\.keras"):
        shardscore.score(images=tmp_path, output=earlier, model="none.keras", labels="cat,dog")


def test_an_earlier_model_never_stands_for_a_later_one(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", cats_and_dogs(16))
    record = load_training_record(ModelFolder(folder))
    own = shardscore.Model(folder, record.labels, record.metrics.after_calibration, record.calibration, record.digest)
    shardscore.report(cast("Any", own), output=tmp_path / "page.html")
    joined_again = replace(record, created_at="2027-01-01T00:00:00+00:00", network="3" * 64)
    assert joined_again.digest == record.digest
    save_training_record(ModelFolder(folder), replace(record, heads=record.heads[:1]))
    with pytest.raises(shardscore.RunFolderError, match=r"Expected the model of this result in .*model; another has"):
        shardscore.report(cast("Any", own))
    given: list[tuple[Callable[..., Any], str]] = [(shardscore.score, "model"), (shardscore.embed, "base")]
    for function, field in given:
        with pytest.raises(shardscore.RunFolderError, match="Expected the model of this result"):
            function(images=tmp_path, output=tmp_path / "run", **{field: own})


def test_earlier_sonar_results_never_stand_for_later_ones(tmp_path: Path) -> None:
    (tmp_path / "sonar").mkdir()
    metrics = SonarMetrics(3, 0, None, None, None, 0.9, "1" * 64, 0, None, 1.0, {}, predictions_sha256="2" * 64)
    write_metrics(tmp_path / "sonar" / "metrics.json", metrics)
    shardscore.Run(tmp_path, None, metrics).check_not_replaced()
    with pytest.raises(
        shardscore.RunFolderError, match=r"Expected the sonar results of this result in .*sonar; others"
    ):
        shardscore.report(cast("Any", shardscore.Run(tmp_path, None, replace(metrics, predictions_sha256="3" * 64))))
