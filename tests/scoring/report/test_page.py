import itertools
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from scoring.errors import BucketError, IncompleteError, RequestError, RunFolderError, StorageError
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.models.training_record import load_training_record, save_training_record
from scoring.report import model_report as report_model
from scoring.report import run_report as report_run
from scoring.report import sample
from scoring.report.page import write_report
from scoring.report.rows import read_rows
from scoring.report.text import NONE
from scoring.run.folder import RunFolder
from scoring.run.manifest import contents_digest, read_info, write_manifest
from scoring.run.predictions import (
    INPUTS_KEY,
    NOT_A_NUMBER,
    StoreProbabilities,
    joint_contents,
    shard_files,
    write_table,
)
from scoring.run.summary import OneAnswer
from scoring.run.verification import RunStatus, run_status
from scoring.sources.inputs import find_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location, Url
from tests.places import on_disk
from tests.runs import (
    SUMMARY,
    Page,
    Scored,
    cats_and_dogs,
    draw_images,
    record_of,
    save_record,
    write_features,
    write_model,
    write_run,
)
from tests.tampering import ALL

_HOSTILE = "<script>alert(1)</script>\n\u202e\"'><img src=x onerror=y>.png"


def _report(folder: Location, images: Location | None = None) -> Page:
    return Page(write_report(folder, None, images).path.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("drawn")
def test_report_of_a_labelled_run_has_its_figures_and_every_look(tmp_path: Path) -> None:
    images = cats_and_dogs(40)
    run = write_run(tmp_path / "run", images, location=draw_images(tmp_path / "photos", images))
    page = _report(run.path)
    headings = [
        "Right, at random",
        "Wrong, at random",
        *(f"Most confident {label}, {word}" for label in ("cat", "dog") for word in ("right", "wrong")),
        "Most uncertain",
    ]
    for text in ("Accuracy", "Log loss", "ROC AUC", "Reliability", "called dog", "Where the time went", *headings):
        assert text in page.text
    assert "Note:" not in page.text
    assert len(page.attributes("img")) == 12 + 5 + 2 * 12 + 0 + 5 + 12
    assert all(str(image["src"]).startswith("data:image/webp;base64,") for image in page.attributes("img"))


def test_accuracy_and_confusion_are_those_of_the_rows(tmp_path: Path) -> None:
    images = [
        Scored("1.png", (0.9, 0.1), "cat"),
        Scored("2.png", (0.8, 0.2), "dog"),
        Scored("3.png", (0.3, 0.7), "dogs"),
        Scored("4.png", (0.2, 0.8), "bird"),
        Scored("5.png", None, "cat", "the file is empty"),
    ]
    text = " ".join(_report(write_run(tmp_path / "run", images).path).text.split())
    assert "Accuracy 66.7% 95%: 20.8% to 93.9%" in text
    assert "is cat 1 100.0% 0 0.0% is dog 1 50.0% 1 50.0%" in text
    assert "1 image with a target that the model does not know, or has more than once." in text
    assert "the file is empty 1" in text


@pytest.mark.parametrize("labels", [("cat", "dog"), ("cat", "dog", "fox")])
def test_images_whose_truth_is_not_known_have_bars_of_their_own_beside_the_others(
    tmp_path: Path, labels: Sequence[str]
) -> None:
    rest = (0.0,) * (len(labels) - 2)
    targets = ["cat", "dog", *[None] * 4, "hamster"]
    images = [Scored(f"{number}.png", (0.99, 0.01, *rest), target) for number, target in enumerate(targets)]
    text = " ".join(_report(write_run(tmp_path / "run", images, labels).path).text.split())
    assert "truth not known" in text
    assert "Of 7 images, 100.0% lie" in text


def test_labels_of_which_the_model_knows_none_are_told(tmp_path: Path) -> None:
    images = [Scored("1.png", (0.9, 0.1), "kitty"), Scored("2.png", (0.2, 0.8), "puppy"), Scored("3.png", (0.2, 0.8))]
    text = _report(write_run(tmp_path / "run", images).path).text
    assert "Nothing is measured: the model does not know the target of 2 labelled images." in " ".join(text.split())


def test_the_times_of_a_report_are_those_of_the_invocation_that_scored_most(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(20))
    record = record_of(run.path).with_summary(replace(SUMMARY, num_images=20, num_scored=19, images_per_s=12.3))
    save_record(run, record.with_summary(replace(SUMMARY, num_images=20, num_scored=1, images_per_s=0.1)))
    text = " ".join(_report(run.path).text.split())
    assert "19 of 20" in text
    assert "12.3 from command to end" in text


def test_report_of_an_unlabelled_run_shows_what_is_sure_and_what_is_not(tmp_path: Path) -> None:
    page = _report(write_run(tmp_path / "run", cats_and_dogs(20, targets=False)).path)
    for text in (
        "At random",
        "Most confident cat",
        "Most confident dog",
        "Most uncertain",
        "Images by most likely label",
    ):
        assert text in page.text
    assert "Accuracy" not in page.text
    assert "Wrong" not in page.text


def test_models_of_many_labels_are_reported_without_full_vectors(tmp_path: Path) -> None:
    labels = [f"label {number}" for number in range(40)]
    draw = np.random.default_rng(0)
    images = [
        Scored(f"{number}.png", draw.dirichlet(np.ones(40)).tolist(), labels[number % 40]) for number in range(60)
    ]
    text = _report(write_run(tmp_path / "run", images, labels).path).text
    for part in (
        "Top five",
        "The most frequent mistakes, 15 of ",
        "Reliability",
        "stored for at most 32",
        "others have none",
    ):
        assert part in text
    assert "Most confident label" in text


@pytest.mark.parametrize(
    ("said", "table"),
    [
        ((7, 7, 30), "Images by most likely label label images share label 7 2 66.7% label 30 1 33.3% Looks"),
        (range(25), "Images by most likely label, the 20 most frequent label images share label 0 1 4.0%"),
    ],
)
def test_of_many_labels_those_are_counted_that_any_image_got(tmp_path: Path, said: Sequence[int], table: str) -> None:
    images = [
        Scored(f"{place}.png", [0.01] * index + [0.61] + [0.01] * (39 - index)) for place, index in enumerate(said)
    ]
    run = write_run(tmp_path / "run", images, [f"label {number}" for number in range(40)])
    assert table in " ".join(_report(run.path).text.split())


def test_an_unfinished_run_says_at_the_top_how_many_shards_are_missing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(40), without_shards=(1, 3), finished=False)
    run.shard(2, 5).write_bytes(b"no Parquet")
    written = write_report(run.path, None, None)
    assert list(written.missing_shards) == [1, 2, 3]
    text = Page(on_disk(written.path)).text
    assert list(written.damaged) == [2]
    assert f"2 of 5 shards are missing, and 1 of 5 shards is damaged: shard 2 {written.damaged[2][:20]}" in text
    assert text.index("Note:") < text.index("Accuracy")
    assert "No time split" in text


def test_a_run_without_any_shard_is_reported_as_it_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(8), without_shards=(0,), finished=False)
    text = " ".join(_report(run.path).text.split())
    assert "1 of 1 shard is missing. There is no other. The same score command again scores what is missing or" in text
    assert "Images 0 none scored yet" in text
    assert "shards 1, with 8 images in all" in text
    assert "readable" not in text
    assert "was read" not in text


@pytest.mark.parametrize("is_named", [False, True])
def test_a_page_without_rows_takes_the_place_of_no_earlier_page(tmp_path: Path, is_named: bool) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(8))
    page = write_report(run.path, tmp_path / "page.html" if is_named else None, None).path
    before = page.read_bytes()
    shard = on_disk(run.shard(0, 1))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(IncompleteError, match=r"1 of 1 shard is damaged: shard 0 cannot be read.* stays as it was"):
        write_report(run.path, page if is_named else None, None)
    shard.unlink()
    with pytest.raises(IncompleteError, match=r"tell of; 1 of 1 shard is missing\. .*\.html stays as it was"):
        write_report(run.path, page if is_named else None, None)
    assert page.read_bytes() == before
    assert write_report(run.path, tmp_path / "new.html", None).missing_shards == [0]


def test_a_run_of_unreadable_images_names_them_with_their_reasons(tmp_path: Path) -> None:
    images = [Scored(f"{number}.png", None, None, f"reason {number % 2}") for number in range(300)]
    text = " ".join(_report(write_run(tmp_path / "run", images, shard_size=64).path).text.split())
    assert "Reasons, all 2" in text
    assert "reason 0 150 reason 1 150" in text
    assert "Files, the first 100 of 300" in text


def test_a_shard_of_which_nothing_could_be_read_stands_beside_one_that_could(tmp_path: Path) -> None:
    broken = [Scored(f"broken.{number}.png", None, "cat", "no image") for number in range(8)]
    text = " ".join(_report(write_run(tmp_path / "run", [*broken, *cats_and_dogs(8)]).path).text.split())
    assert "images with a known truth 8" in text
    assert "no image 8" in text


def test_images_that_are_gone_are_told_of_once(tmp_path: Path) -> None:
    page = _report(write_run(tmp_path / "run", cats_and_dogs(20), location=tmp_path / "gone").path)
    assert page.text.count("No pictures") == 1
    assert "say where with report's option images." in page.text
    assert not page.attributes("img")
    assert "cat.0.png" in page.text


def test_a_single_image_that_is_gone_leaves_its_place(tmp_path: Path) -> None:
    images = cats_and_dogs(20)
    photos = draw_images(tmp_path / "photos", images)
    (photos / "cat.0.png").unlink()
    page = _report(write_run(tmp_path / "run", images, location=photos).path)
    assert page.text.count("no picture") == page.text.count("cat.0.png") > 0


def test_images_that_were_moved_are_found_where_the_user_says(tmp_path: Path) -> None:
    images = cats_and_dogs(20)
    run = write_run(tmp_path / "run", images, location=tmp_path / "gone")
    assert _report(run.path, draw_images(tmp_path / "moved", images)).attributes("img")


def test_of_a_large_run_a_sample_is_reported_and_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_ROWS", 16)
    run = write_run(tmp_path / "run", cats_and_dogs(80))
    text = " ".join(_report(run.path).text.split())
    assert "A sample: 16 of 80 rows, from 2 shards" in text
    assert "Images 16 a sample, all readable" in text
    assert "Unreadable files None of the sample. Of the whole run 0 images could not be scored." in text
    save_record(run, replace(record_of(run.path), summary=replace(SUMMARY, num_errors=4)))
    assert "None of the sample. Of the whole run 4 images" in " ".join(_report(run.path).text.split())


@pytest.mark.usefixtures("drawn")
def test_the_same_run_gives_the_same_report_byte_for_byte(tmp_path: Path) -> None:
    images = cats_and_dogs(40)
    run = write_run(tmp_path / "run", images, location=draw_images(tmp_path / "photos", images))
    first, second = (write_report(run.path, tmp_path / name, None).path.read_bytes() for name in ("a.html", "b.html"))
    assert first == second


@pytest.mark.usefixtures("drawn")
def test_hostile_names_labels_and_reasons_are_text_and_nothing_else(tmp_path: Path) -> None:
    label = "<b>dog</b>\u202e"
    images = [
        Scored(_HOSTILE.replace("/", "|"), (0.1, 0.9), "cat"),
        Scored("2.png", (0.2, 0.8), label),
        Scored("3.png", None, None, _HOSTILE),
    ]
    folder = tmp_path / "<i>run\n\u202e&"
    page = _report(write_run(folder, images, ("cat", label), location=Path(_HOSTILE)).path)
    kinds = {tag for tag, _ in page.tags}
    assert not kinds & {"script", "b", "i", "iframe", "object", "base", "form"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not page.attributes("img")
    assert "\u202e" not in page.source
    assert page.source.count("\\u202e") > 5
    assert "<script>alert(1)<|script>" in page.text


def test_names_that_are_not_utf8_have_their_pictures(tmp_path: Path) -> None:
    raw = b"odd\xff.png"
    images = [Scored("odd\\xff.png", (0.1, 0.9), raw_path=raw), Scored("2.png", (0.2, 0.8))]
    photos = draw_images(tmp_path / "photos", images)
    (photos / "odd\\xff.png").rename(photos / os.fsdecode(raw))
    page = _report(write_run(tmp_path / "run", images, location=photos).path)
    assert [image["alt"] for image in page.attributes("img")].count("odd\\xff.png: dog 90.0%") == 3


def _listed(images: Sequence[Scored], location: Path, columns: TableColumns = NO_COLUMNS) -> list[Scored]:
    """The same images as they are listed, in the order of their names."""
    found = sorted(find_images(location, columns).images, key=lambda entry: entry.path)
    listed = [
        replace(image, size_bytes=entry.size_bytes, position=entry.position, stamp=entry.stamp)
        for image, entry in zip(sorted(images, key=lambda image: image.path), found, strict=True)
    ]
    if columns.content:
        return listed
    return [replace(image, path=entry.path) for image, entry in zip(listed, found, strict=True)]


def _shown(page: Page) -> set[str]:
    return {str(image["alt"]).split(":")[0] for image in page.attributes("img")}


def _pack(path: Path, photos: Path) -> Path:
    """Put the photos of a folder into an archive, of the kind that its name tells."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for photo in sorted(photos.iterdir()):
                archive.write(photo, photo.name)
        return path
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as tar:
        for photo in sorted(photos.iterdir()):
            tar.add(photo, photo.name)
    return path


@pytest.mark.parametrize("name", ["x-0.tar", "X.TAR", "x.tar.gz", "x.tgz", "x.zip", "folder of tars"])
def test_pictures_in_archives_are_found_where_the_manifest_says(tmp_path: Path, name: str) -> None:
    images = cats_and_dogs(4, targets=False)
    photos = draw_images(tmp_path / "photos", images)
    location = tmp_path / name
    if name == "folder of tars":
        location.mkdir()
        _pack(location / "x.tar", photos)
    else:
        _pack(location, photos)
    there = _listed(images, location)
    page = _report(write_run(tmp_path / "run", there, location=location).path)
    assert _shown(page) == {image.path for image in there}
    assert "No pictures" not in page.text


@pytest.mark.parametrize("name", ["photos", "x.tar", "x.tgz", "x.zip", "x.parquet"])
def test_photos_that_were_exchanged_since_are_not_shown_under_what_was_said_of_the_old_ones(
    tmp_path: Path, name: str
) -> None:
    images = cats_and_dogs(4, targets=False)
    photos, location = draw_images(tmp_path / "photos", images), tmp_path / name
    columns = TableColumns(content="jpg") if name == "x.parquet" else NO_COLUMNS

    def pack() -> None:
        if name == "x.parquet":
            pq.write_table(pa.table({"jpg": [(photos / image.path).read_bytes() for image in images]}), location)
        elif name != "photos":
            _pack(location, photos)

    pack()
    there = _listed(images, location, columns)
    run = write_run(tmp_path / "run", there, location=location, columns=columns)
    assert _shown(_report(run.path)) == {image.path for image in there}
    for old, new in (("cat.0.png", "aside"), ("cat.1.png", "cat.0.png"), ("aside", "cat.1.png")):
        (photos / old).rename(photos / new)
    pack()
    page = _report(run.path)
    by_file = name in ("photos", "x.zip")  # each file has a stamp of its own; a tar or a table has one for all
    assert _shown(page) == ({image.path for image in there[2:]} if by_file else set())
    assert f"Not shown, as they have changed since the model saw them: {2 if by_file else 4} of 4 images." in page.text
    assert "No pictures" not in page.text


def test_moved_photos_are_told_from_others_by_their_sizes(tmp_path: Path) -> None:
    images = cats_and_dogs(4, targets=False)
    photos = draw_images(tmp_path / "photos", images)
    run = write_run(tmp_path / "run", there := _listed(images, photos), location=photos)
    moved = photos.rename(tmp_path / "moved")
    assert _shown(_report(run.path, moved)) == {image.path for image in there}
    Image.new("RGB", (60, 40)).save(moved / "cat.0.png")
    page = _report(run.path, moved)
    assert _shown(page) == {image.path for image in there[1:]}
    assert "changed since the model saw them: 1 of 4 images" in page.text


def test_no_picture_of_a_model_is_of_a_photo_that_was_exchanged_since(tmp_path: Path) -> None:
    sure = [
        Scored(f"{label}.{n}.png", (p, 1 - p), label) for label, p in (("cat", 0.9), ("dog", 0.1)) for n in range(9)
    ]
    images = [*sure, Scored("cat.90.png", (0.04, 0.96), "cat"), Scored("dog.90.png", (0.99, 0.01), "dog")]
    photos = draw_images(tmp_path / "photos", images)
    model = write_model(tmp_path / "model", _listed(images, photos), photos)
    assert "cat.90.png" in _shown(_report(model))
    (photos / "cat.1.png").replace(photos / "cat.90.png")
    page = _report(model)
    assert "cat.90.png" not in _shown(page)
    assert "dog.90.png" in _shown(page)
    assert "changed since the model saw them: 1 of 2 images" in page.text, "in Labels to check"


def test_pictures_in_a_table_are_found_by_their_row(tmp_path: Path) -> None:
    images = cats_and_dogs(4, targets=False)
    photos = draw_images(tmp_path / "photos", images)
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"jpg": [(photos / image.path).read_bytes() for image in images]}), table)
    there = [replace(image, path=f"{row}.jpg", position=row) for row, image in enumerate(images)]
    columns = TableColumns(content="jpg")
    page = _report(write_run(tmp_path / "run", there, location=table, columns=columns).path)
    names = {str(image["alt"]).split(":")[0] for image in page.attributes("img")}
    assert names == {f"{row}.jpg" for row in range(4)}


def _tell_contents(features: RunFolder) -> bytes:
    """Have the only shard say what contents its photos had, as finetune does; return that."""
    (shard,) = shard_files(features.predictions)
    table, told = pq.read_table(shard), contents_digest(pq.read_table(features.manifest)).encode()
    write_table(shard, table.replace_schema_metadata({**table.schema.metadata, INPUTS_KEY: told}))
    return told


@pytest.mark.parametrize("are_read", [True, False])
def test_no_picture_is_of_a_photo_that_a_later_fine_tune_has_listed_and_not_yet_trained_on(
    tmp_path: Path, are_read: bool
) -> None:
    images = cats_and_dogs(24)
    photos = draw_images(tmp_path / "photos", images)
    model = ModelFolder(write_model(tmp_path / "model", there := _listed(images, photos), photos))
    training = load_training_record(model)
    contents, digest = joint_contents([_tell_contents(model.features)]), read_info(model.features.manifest).digest
    save_training_record(model, replace(training, data=replace(training.data, contents=contents, digest=digest)))
    assert _shown(_report(model.path))
    Image.new("RGB", (60, 40)).save(photos / "cat.0.png")
    shutil.rmtree(on_disk(model.features.path))
    write_features(model.features, listed := _listed(there, photos))
    write_manifest(model.features.manifest, [image.row().image for image in listed], len(listed), 0, digest)
    _tell_contents(model.features)
    if not are_read:  # each shard had a photo that changed
        shutil.rmtree(on_disk(model.features.predictions))
    page = _report(model.path)
    assert not _shown(page)
    assert "Run the same finetune command again." in page.text


def test_a_model_of_photos_in_a_table_has_its_pictures(tmp_path: Path) -> None:
    images = cats_and_dogs(24)
    photos, table, columns = (
        draw_images(tmp_path / "photos", images),
        tmp_path / "x.parquet",
        TableColumns(content="jpg"),
    )
    pq.write_table(pa.table({"jpg": [(photos / image.path).read_bytes() for image in images]}), table)
    model = ModelFolder(write_model(tmp_path / "model", there := _listed(images, table, columns), table))
    record = record_of(model.features.path)
    save_record(model.features, replace(record, request=replace(record.request, columns=columns)))
    shown = _shown(_report(model.path))
    assert shown
    assert shown <= {image.path for image in there}


def test_run_in_a_bucket_has_its_report_there_as_a_local_one_has(tmp_path: Path, bucket: Url) -> None:
    images = cats_and_dogs(20)
    photos = draw_images(tmp_path / "photos", images)
    for image in images:
        (bucket / "photos" / image.path).upload(photos / image.path)
    local = write_report(write_run(tmp_path / "run", images, location=photos).path, None, None)
    written = write_report(write_run(bucket / "run", images, location=bucket / "photos").path, None, None)
    assert written.path == bucket / "run" / "report.html"
    page = (bucket / "run" / "report.html").read_text()
    assert page.replace(str(bucket / "photos"), str(photos)) == local.path.read_text()
    assert len(Page(page).attributes("img")) > 12


def test_model_in_a_bucket_has_its_report_there(tmp_path: Path, bucket: Url) -> None:
    images = [*cats_and_dogs(24), Scored("gone.png", None, "cat", "the file is empty")]
    photos = draw_images(tmp_path / "photos", images)
    local, there = (_report(write_model(folder / "model", images, photos)) for folder in (tmp_path, bucket))
    assert there.source == local.source
    assert (bucket / "model" / "report.html").is_file()


def test_bucket_that_cannot_be_reached_is_no_damage(monkeypatch: pytest.MonkeyPatch, bucket: Url) -> None:
    folder = write_run(bucket / "run", cats_and_dogs(4)).path
    reason = BucketError(None, "no connection", str(folder))
    monkeypatch.setattr("scoring.report.page.run_report", Mock(side_effect=reason))
    with pytest.raises(BucketError, match="no connection"):
        write_report(folder, None, None)


def test_log_losses_of_a_submission_say_which_are_calibrated(tmp_path: Path) -> None:
    page = _report(write_model(tmp_path / "model", cats_and_dogs(24)))
    text = " ".join(page.text.split())
    after = load_training_record(ModelFolder(tmp_path / "model")).metrics.after_calibration.log_loss
    said = [
        "submission's log loss: calibrated and clipped 0.3000",
        f"calibrated, without clip {after:.4f}",
        "uncalibrated, with the lesson's clip 0.4000",
        "uncalibrated, without clip 0.5000",
    ]
    assert " ".join(said) in text


def test_no_clip_is_told_of_a_model_whose_submissions_have_none(tmp_path: Path) -> None:
    labels = ("benign", "malign")
    images = [replace(image, target=labels[image.target == "dog"]) for image in cats_and_dogs(24)]
    text = _report(write_model(tmp_path / "model", images, labels=labels)).text
    assert "temperature" in text
    assert "submission" not in text


@pytest.mark.usefixtures("drawn")
def test_the_page_forbids_itself_all_but_what_it_holds(tmp_path: Path) -> None:
    page = _report(write_run(tmp_path / "run", cats_and_dogs(20)).path)
    policy = next(meta["content"] for meta in page.attributes("meta") if "http-equiv" in meta)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; ")
    targets = [str(link["href"]) for tag in ("a", "link", "use") for link in page.attributes(tag) if "href" in link]
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert "http" not in page.source.replace("http-equiv", "").replace("http://www.w3.org/", "")


@pytest.mark.usefixtures("drawn")
def test_the_page_can_be_read_without_seeing_it(tmp_path: Path) -> None:
    images = cats_and_dogs(40)
    page = _report(write_run(tmp_path / "run", images, location=draw_images(tmp_path / "photos", images)).path)
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.attributes("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.attributes("img"))
    assert all("scope" in cell for cell in page.attributes("th"))
    assert len(page.attributes("caption")) == len(page.attributes("table"))
    assert len([division for division in page.attributes("div") if division.get("role") == "img"]) == len(
        page.attributes("svg")
    )
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in page.attributes("a")} <= set(ids)


@pytest.mark.usefixtures("drawn")
def test_report_of_a_model_has_its_learning_curve_and_calibration(tmp_path: Path) -> None:
    images = [*cats_and_dogs(24), Scored("broken.png", None, "cat", "the file is empty")]
    model = write_model(tmp_path / "model", images, draw_images(tmp_path / "photos", images))
    page = _report(model)
    for text in (
        "Log loss by epoch",
        "before calibration",
        "1.2500",
        "trained on 36 others",
        "Wrong, at random",
    ):
        assert text in page.text
    assert "the file is empty" in page.text
    assert page.attributes("img")


@pytest.mark.parametrize(
    ("is_drawn", "said"),
    [
        (True, "validated on 24 photos, stratified, seed 0 folds"),
        (False, "validated on 24 photos, those of the validation folder folds"),
        (None, "validated on 24 photos folds"),
    ],
)
def test_a_model_report_says_how_the_photos_to_validate_on_were_chosen(
    tmp_path: Path, is_drawn: bool | None, said: str
) -> None:
    model = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    training = load_training_record(model)
    data = replace(training.data, num_images=48, num_errors=0, num_train=24, num_folds=5, is_drawn=is_drawn)
    save_training_record(model, replace(training, data=data))
    text = " ".join(_report(model.path).text.split())
    assert said in text
    assert "Validation photos 24 trained on 24 others" in text


def test_one_head_of_folds_is_not_compared_with_all_of_them(tmp_path: Path) -> None:
    """It is measured on the photos of its own fold alone."""
    model = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    assert "one head" in _report(model.path).text
    training = load_training_record(model)
    save_training_record(model, replace(training, data=replace(training.data, num_folds=5)))
    text = _report(model.path).text
    assert "one head" not in text
    assert "before calibration" in text


def test_heads_without_epochs_have_no_learning_curve(tmp_path: Path) -> None:
    model = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    training = load_training_record(model)
    heads = tuple(replace(head, curve=()) for head in training.heads)
    save_training_record(model, replace(training, heads=heads))
    assert "Learning curve" not in _report(model.path).text


def test_photos_of_a_model_whose_label_is_probably_wrong_are_shown_worst_first(tmp_path: Path) -> None:
    sure = [
        Scored(f"{label}.{n}.png", (p, 1 - p), label) for label, p in (("cat", 0.9), ("dog", 0.1)) for n in range(9)
    ]
    swapped = [Scored("cat.90.png", (0.04, 0.96), "cat"), Scored("dog.90.png", (0.99, 0.01), "dog")]
    images = [*sure, *swapped, Scored(f"{_HOSTILE}", (0.95, 0.05), "dog")]
    model = write_model(tmp_path / "model", images, draw_images(tmp_path / "photos", [*sure, *swapped]))
    page = _report(model)
    section = page.text[page.text.index("Labels to check", page.text.index("Kaggle's dogs-vs-cats-redux")) :]
    assert "3 labels of 21 photos may be wrong" in section
    names = [section.index(name) for name in ("cat.90.png", "dog.90.png", "<script>")]
    assert names == sorted(names)
    assert "\u202e" not in page.text
    assert "<script" not in page.source.replace("&lt;script", "")


def test_labels_that_are_merely_doubted_have_a_table_of_their_own_and_no_pictures(tmp_path: Path) -> None:
    images = [
        Scored(f"{label}.{n}.png", (p, 1 - p), label) for label, p in (("cat", 0.9), ("dog", 0.1)) for n in range(9)
    ]
    images += [Scored("cat.90.png", (0.04, 0.96), "cat"), Scored("dog.91.png", (0.6, 0.4), "dog")]
    page = _report(write_model(tmp_path / "model", images, draw_images(tmp_path / "photos", images)))
    section = " ".join(page.text[page.text.rindex("Labels to check") : page.text.rindex("Looks")].split())
    assert "1 label of 20 photos may be wrong. Behind them 1 label that the model merely doubts." in section
    wrong, doubted = section.split("Merely doubted: the worst first")
    assert ("cat.90.png" in wrong, "dog.91.png" in wrong) == (True, False)
    assert ("cat.90.png" in doubted, "dog.91.png" in doubted) == (False, True)
    assert "Probably labelled wrongly The worst 1" in wrong


def test_two_hundred_labels_that_are_probably_wrong_are_named(tmp_path: Path) -> None:
    sure = [
        Scored(f"{label}.{n}.png", (p, 1 - p), label) for label, p in (("cat", 0.9), ("dog", 0.1)) for n in range(500)
    ]
    swapped = [Scored(f"cat.{n}.png", (0.04, 0.96), "cat") for n in range(1000, 1205)]
    page = _report(write_model(tmp_path / "model", [*sure, *swapped]))
    assert "205 labels of 1,205 photos may be wrong" in page.text
    assert "200 of 205, the worst first" in page.text


def test_labels_that_a_model_agrees_with_are_said_to_be_right(tmp_path: Path) -> None:
    images = [Scored(f"{label}.{n}.png", (p, 1 - p), label) for label, p in (("a", 0.9), ("b", 0.2)) for n in range(9)]
    page = _report(write_model(tmp_path / "model", images, labels=("a", "b")))
    assert "No label of 18 photos looks wrong to the model." in page.text
    assert "redux" not in page.text


def test_a_log_loss_of_cats_and_dogs_is_held_against_those_of_the_competition(tmp_path: Path) -> None:
    page = _report(write_model(tmp_path / "model", cats_and_dogs(24)))
    shown = (
        "gold",
        "0.03882",
        "rank 20",
        "0.04141",
        "rank 205",
        "0.07407",
        "a first run",
        "0.10258",
        "this model",
        "0.3000",
    )
    table = page.text[page.text.index("If these are its photos: where a log loss stands") :]
    places = [table.index(text) for text in shown]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (StoreProbabilities.ALL, "1 label of 81 photos may be wrong"),
        (StoreProbabilities.FEW, "Labels are checked where"),  # as earlier versions wrote it
    ],
)
def test_models_of_more_than_32_labels_are_reported(tmp_path: Path, store: StoreProbabilities, said: str) -> None:
    labels = [f"label {number}" for number in range(40)]
    sure = np.full((40, 40), 0.1 / 39) + np.eye(40) * (0.9 - 0.1 / 39)
    photos = [Scored(f"{number}.png", sure[number % 40].tolist(), labels[number % 40]) for number in range(80)]
    photos.append(Scored("swapped.png", sure[3].tolist(), labels[7]))
    page = _report(write_model(tmp_path / "model", photos, labels=labels, store=store))
    assert said in page.text
    assert "The most frequent mistakes" in page.text
    assert "stored for at most" not in page.text


def test_features_of_photos_are_reported_with_their_model_and_not_alone(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", cats_and_dogs(24))
    with pytest.raises(RunFolderError, match="there is no report"):
        write_report(model / "features", None, None)


@pytest.mark.parametrize("field", ["heads", "metrics", "data", "settings"])
def test_a_damaged_model_folder_is_refused_in_one_line(tmp_path: Path, field: str) -> None:
    model = write_model(tmp_path / "model", cats_and_dogs(24))
    training = json.loads((model / "training.json").read_text())
    on_disk(model / "training.json").write_text(json.dumps({**training, field: "?"}))
    with pytest.raises(RunFolderError, match="damaged"):
        write_report(model, None, None)


def test_predictions_of_another_model_are_not_reported_as_this_ones(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", cats_and_dogs(24))
    other = write_model(tmp_path / "other", cats_and_dogs(20))
    on_disk(model / "validation.parquet").write_bytes(on_disk(other / "validation.parquet").read_bytes())
    with pytest.raises(RunFolderError, match=r"validation\.parquet that .*training\.json describes; .* is another"):
        write_report(model, None, None)


def test_a_number_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", cats_and_dogs(24))
    training = json.loads((model / "training.json").read_text())
    training["metrics"]["after_calibration"]["accuracy"] = "much"
    on_disk(model / "training.json").write_text(json.dumps(training))
    with pytest.raises(RunFolderError, match="damaged") as refusal:
        write_report(model, None, None)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("field", ["labels", "request", "versions", "created_at"])
def test_a_damaged_run_record_is_refused_in_one_line(tmp_path: Path, field: str) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(8))
    record = json.loads(run.record.read_text())
    on_disk(run.record).write_text(json.dumps({name: value for name, value in record.items() if name != field}))
    with pytest.raises(RunFolderError, match=field):
        write_report(run.path, None, None)


def test_labels_that_do_not_fit_the_rows_are_refused_in_one_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(8))
    record = json.loads(run.record.read_text())
    on_disk(run.record).write_text(json.dumps({**record, "labels": ["cat", "dog", "bird"]}))
    with pytest.raises(RunFolderError, match="damaged"):
        write_report(run.path, None, None)


def test_a_folder_that_no_command_wrote_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RequestError, match="Expected a folder written by"):
            write_report(folder, None, None)


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(8))
    (tmp_path / "a file").touch()
    with pytest.raises(StorageError, match="Cannot write"):
        write_report(run.path, tmp_path / "a file" / "report.html", None)


def test_a_run_whose_rows_are_all_one_label_is_reported(tmp_path: Path) -> None:
    images = [replace(image, target="cat") for image in cats_and_dogs(8)]
    assert "ROC AUC" in _report(write_run(tmp_path / "run", images).path).text


def test_labels_that_stand_by_themselves_are_measured_one_by_one(tmp_path: Path) -> None:
    targets = ("cat", "cat,dog", "none", "dog", "hamster", None)
    said = ((0.9, 0.2), (0.8, 0.9), (0.1, 0.3), (0.2, 0.7), (0.5, 0.5), (0.5, 0.5))
    images = [Scored(f"{number}.png", *both) for number, both in enumerate(zip(said, targets, strict=True))]
    images.append(Scored("broken.png", None, "cat", "broken"))
    run = write_run(tmp_path / "run", images, outputs="multi-label")
    text = " ".join(_report(run.path).text.split())
    loss = -np.log([0.9, 0.8, 0.9, 0.8, 0.8, 0.9, 0.7, 0.7]).mean()
    for expected in ("images with a known truth 4", f"Log loss {loss:.4f}", "ROC AUC 1.0000", "images that have it"):
        assert expected in text
    assert (
        "Left out of these measures: 1 image with a target that the model does not know, or has more than once." in text
    )
    for absent in ("Accuracy", "most confident cat, wrong"):
        assert absent not in text


def _look(page: Page, title: str) -> str:
    """The text below a look's title, up to the next."""
    text = " ".join(page.text.split())
    return text[text.index(title) + len(title) :].split("Most ")[0]


@pytest.mark.usefixtures("drawn")
def test_labels_that_stand_by_themselves_are_told_each_by_its_own_probability(tmp_path: Path) -> None:
    clean = [Scored(f"clean{number}.png", (0.002, 0.001, 0.055)) for number in range(30)]
    doubt = [Scored(f"doubt{number}.png", (0.1, 0.49 - number / 100, 0.45)) for number in range(3)]
    both = [Scored(f"both{number}.png", (0.992, 0.01, 0.9999)) for number in range(3)]
    images = [*clean, *doubt, *both]
    run = write_run(tmp_path / "run", images, ("scratch", "dent", "mould"), outputs="multi-label")
    page = _report(run.path)
    text = " ".join(page.text.split())
    assert "Most frequent label scratch 8.3% of images, at 50% or more" in text
    assert "Without a label 91.7% of images" in text
    assert "scratch 3 8.3% mould 3 8.3% dent 0 0.0% none of them 33 91.7%" in text
    for label in ("scratch", "mould"):
        look = _look(page, f"Most confident {label}")
        assert "3 of 3 images" in look
        assert "clean" not in look
    assert "mould >99.9%, scratch 99.2% (dent 1.0%)" in _look(page, "Most confident scratch")
    assert "No such image." in _look(page, "Most confident dent")
    uncertain = _look(page, "Most uncertain")
    assert [number for number in range(3) if f"doubt{number}.png" in uncertain] == [0, 1, 2]
    assert "none of them (dent 49.0%)" in uncertain
    assert uncertain.index("doubt0") < uncertain.index("doubt2") < uncertain.index("clean")


def test_two_labels_that_stand_by_themselves_are_drawn_by_the_likelier(tmp_path: Path) -> None:
    images = [Scored(f"{number}.png", (0.9, 0.1)) for number in range(4)]
    text = _report(write_run(tmp_path / "run", images, outputs="multi-label").path).text
    assert "Images by probability of the most likely label" in text


def test_of_images_without_any_label_none_is_called_the_most_frequent(tmp_path: Path) -> None:
    images = [Scored(f"{number}.png", (0.1, 0.2)) for number in range(4)]
    text = " ".join(_report(write_run(tmp_path / "run", images, outputs="multi-label").path).text.split())
    assert "Most frequent label none of them no label reaches 50%" in text


def test_several_labels_of_which_the_model_does_not_know_one_are_told(tmp_path: Path) -> None:
    targets = ("cat,hamster", "hamster", None)
    images = [Scored(f"{number}.png", (0.9, 0.2), target) for number, target in enumerate(targets)]
    text = " ".join(_report(write_run(tmp_path / "run", images, outputs="multi-label").path).text.split())
    assert "Nothing is measured: the model does not know the target of 2 labelled images." in text


def test_all_probabilities_of_many_labels_give_a_log_loss(tmp_path: Path) -> None:
    labels = [f"breed{number}" for number in range(40)]
    images = [Scored(f"{number}.png", [1 / 40] * 40, labels[number]) for number in range(40)]
    text = _report(write_run(tmp_path / "run", images, labels, store="all").path).text
    assert f"{np.log(40):.4f}" in text
    assert "stored for at most" not in text


def test_one_answer_to_nearly_all_images_and_a_gpu_that_was_not_used_are_told_at_the_top(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(24))
    answer = OneAnswer("dog", 1.0, 0.99, 500)
    summary = replace(SUMMARY, num_scored=24, one_answer=answer, unused_gpu="Ray gave GPU 0 of vm")
    save_record(run, record_of(run.path).with_summary(summary))
    text = " ".join(_report(run.path).text.split())
    assert "99.0% of 500 images that were looked at have dog as their likeliest label, at >99.9%" in text
    assert "Ray gave GPU 0 of vm" in text
    save_record(run, record_of(run.path).with_summary(SUMMARY))
    assert "Ray gave GPU 0 of vm" in _report(run.path).text, "of the work, whatever came after it"


def test_fewer_right_than_by_chance_is_told_at_the_top(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(24))
    save_record(run, replace(record_of(run.path), summary=replace(SUMMARY, num_labelled=16)))
    text = " ".join(_report(run.path).text.split())
    assert "At most 19.4% are right, by a 95% interval, where chance is 50.0%: are `labels` in the order" in text


def test_images_that_a_table_holds_are_known_by_the_ids_that_it_gives_them(tmp_path: Path) -> None:
    images = [Scored("first.row", (0.9, 0.1), "dog"), Scored("second.row", None, "dog", "no image")]
    place = tmp_path / "gone.parquet"
    by_number, by_id = (
        _report(write_run(tmp_path / str(columns.image_id), images, location=place, columns=columns).path)
        for columns in (TableColumns(content="jpg"), TableColumns(content="jpg", image_id="id"))
    )
    assert "first.row" in by_number.text and "second.row" in by_number.text
    assert ".row" not in by_id.text
    assert "first" in by_id.text and "second" in by_id.text


def test_why_there_is_no_area_under_the_curve_is_told(tmp_path: Path) -> None:
    images = [replace(image, target="cat") for image in cats_and_dogs(8)]
    assert f"ROC AUC {NONE} a label has no image" in " ".join(
        _report(write_run(tmp_path / "one", images).path).text.split()
    )
    text = " ".join(_report(write_run(tmp_path / "several", images, outputs="multi-label").path).text.split())
    assert f"ROC AUC {NONE} each label is of all these images, or of none" in text


def test_images_that_were_read_and_got_no_numbers_are_not_called_unreadable(tmp_path: Path) -> None:
    images = [*cats_and_dogs(4), Scored("odd.png", None, None, NOT_A_NUMBER), Scored("half.png", None, None, "cut off")]
    text = " ".join(_report(write_run(tmp_path / "run", images).path).text.split())
    assert "Images 6 2 without scores" in text
    assert "1 image of these could be read." in text


@pytest.mark.parametrize("kind", HeadKind)
def test_a_model_is_told_of_by_the_settings_that_its_heads_go_by(tmp_path: Path, kind: HeadKind) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    save_training_record(folder, replace(load_training_record(folder), settings=HeadSettings(kind=kind)))
    text = " ".join(_report(folder.path).text.split())
    assert f"kind {kind}" in text
    assert ("learning rate" in text) is (kind is HeadKind.SOFTMAX)


def test_long_labels_are_shortened_and_those_without_looks_of_their_own_counted(tmp_path: Path) -> None:
    labels = [f"{number} {'x' * 300}" for number in range(11)]
    images = [Scored(f"{one}.png", np.eye(11)[one].tolist(), labels[0]) for one in range(11)]
    for text in (
        _report(write_run(tmp_path / "run", images, labels).path).text,
        _report(write_model(tmp_path / "model", images, labels=labels)).text,
    ):
        assert "have looks of their own; 1 other has none." in text
        assert "3 xxx" in text
        assert "x" * 41 not in text
    alike = [f"{'x' * 100}{letter}{'x' * 100}" for letter in "ab"]
    images = [Scored("1.png", (0.9, 0.1), alike[1]), Scored("2.png", (0.1, 0.9), alike[0])]
    text = _report(write_run(tmp_path / "alike", images, alike).path).text
    assert "x…xxx" in text and "x (1)" in text


@pytest.mark.parametrize("meanwhile", ["another model", "begun anew", "photos changed", "shards are removed"])
def test_a_run_that_is_replaced_while_it_is_read_is_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(20))
    record = record_of(run.path)

    def replaced(*args: Any, **options: Any) -> RunStatus:
        status = run_status(*args, **options)
        if meanwhile == "another model":
            save_record(run, replace(record, fingerprint=replace(record.fingerprint, model="2" * 64)))
        elif meanwhile == "begun anew":
            save_record(run, replace(record, created_at="2026-11-30T00:00:00+00:00"))
        elif meanwhile == "photos changed":
            save_record(run, record.with_digests({0: "3" * 64}))
        else:
            on_disk(run.record).unlink()
            shutil.rmtree(on_disk(run.predictions))
        return status

    monkeypatch.setattr(report_run, "run_status", replaced)
    with pytest.raises(RunFolderError, match=r"the same results in .*run from the first file read to"):
        write_report(run.path, None, None)
    assert not run.report.is_file()


def test_a_run_may_go_on_while_it_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(20), without_shards=(2,), finished=False)
    record = record_of(run.path)
    known = {shard: digest for shard, digest in enumerate(record.digests) if digest}

    def going_on(*args: Any, **options: Any) -> RunStatus:
        status = run_status(*args, **options)
        save_record(run, record.with_digests(known | {2: "3" * 64}))
        return status

    monkeypatch.setattr(report_run, "run_status", going_on)
    assert list(write_report(run.path, None, None).missing_shards) == [2]


def test_photos_validated_on_that_are_copies_of_photos_trained_on_are_told_at_the_top(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    assert "Note:" not in _report(folder.path).text
    save_training_record(folder, replace(record, data=replace(record.data, num_copies=3, num_seen=2)))
    text = " ".join(_report(folder.path).text.split())
    assert "Note: 2 of 24 photos to validate on are copies of photos to train on: the figures are too good." in text
    assert text.index("Note:") < text.index("Accuracy")


def test_different_photos_are_told_beside_those_validated_on_and_bins_with_copies_have_no_interval(
    tmp_path: Path,
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    for num_different, told in ((21, "21 different, trained on 36 others"), (24, "trained on 36 others")):
        data = replace(record.data, num_copies=3, num_different=num_different)
        save_training_record(folder, replace(record, data=data))
        text = _report(folder.path).text
        assert told in text
        assert ("different, trained" in text) is ("95% intervals (Wilson)" not in text) is (num_different == 21)
    data = replace(record.data, num_different=6, group_column="patient_id", groups="1" * 64)
    save_training_record(folder, replace(record, data=data))
    text = " ".join(_report(folder.path).text.split())
    assert "6 of different patient_id, trained on 36 others" in text
    assert "by patient_id; validated on of groups or copies trained on: 0" in text


def test_copies_of_one_photo_with_two_labels_are_told_at_the_top(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    record = load_training_record(folder)
    data = replace(record.data, num_copies=3, num_contradicting=2, contradicting=("dog/<1>.png", "cat/1.png"))
    save_training_record(folder, replace(record, data=data))
    assert load_training_record(folder).data == data
    text = " ".join(_report(folder.path).text.split())
    said = "Note: 2 of 3 copies have another label than the photo that they are copies of, such as 'dog/<1>.png' of"
    assert f"{said} 'cat/1.png': one of both is wrong." in text


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_model_that_is_replaced_while_it_is_read_is_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))

    def replaced(*args: Any) -> Any:
        if is_removed:
            on_disk(folder.training).unlink()
            on_disk(folder.validation).unlink()
        else:
            save_training_record(folder, replace(load_training_record(folder), created_at="2027"))
        return read_rows(*args)

    monkeypatch.setattr(report_model, "read_rows", replaced)
    with pytest.raises(RunFolderError, match=r"the same results in .*model from the first file read to the last"):
        write_report(folder.path, None, None)


@pytest.mark.parametrize("tamper", [pytest.param(one, id=name) for name, one in ALL.items()])
def test_what_is_not_as_the_run_left_it_is_told_and_not_counted(
    tmp_path: Path, tamper: Callable[[RunFolder], None]
) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(20))
    tamper(run)
    try:
        written = write_report(run.path, None, None)
    except RunFolderError as error:
        assert "\n" not in str(error)
    else:
        text = " ".join(Page(on_disk(written.path)).text.split())
        assert not written.is_complete
        if written.missing_shards:
            assert list(written.missing_shards) == list(written.damaged) == [1]
            assert "1 of 3 shards is damaged: shard 1 " in text
            assert "Images 12" in text
        else:
            assert len(written.foreign) == 1
            assert "among the shards and none of this run" in text
            assert "Images 20" in text


def test_who_knows_better_may_have_a_report_of_rows_that_are_believed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(20))
    ALL["other probabilities"](run)
    assert list(write_report(run.path, None, None).missing_shards) == [1]
    assert not write_report(run.path, None, None, verify=False).missing_shards
