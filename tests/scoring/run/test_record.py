import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from scoring.errors import RunFolderError
from scoring.networks.agreement import Agreement
from scoring.run.folder import RunFolder
from scoring.run.milestones import Milestones
from scoring.run.record import DeviceRecord, parse_record
from scoring.sources.table_columns import TableColumns
from tests.runs import SUMMARY, bare_record, save_record

# As version 0.1.0 wrote it.
_EARLIER = """{
  "created_at": "2026-11-22T15:21:34+00:00",
  "request": {
    "images": "/photos", "model": {"model": "/m.keras", "weights": null, "labels": "cat,dog", "precision": "float32",
    "backend": "tensorflow", "engine": "keras"}, "labels_from": "auto", "resize": "squash", "batch_size": 2,
    "shard_size": null, "actors": 2, "gpus_per_actor": null, "cpus_per_actor": 1.0, "shard_deadline_s": null,
    "columns": {"path": null, "content": null, "image_id": null}, "accelerator_type": null, "wait_for_nodes_s": null
  },
  "fingerprint": {"images": "i", "model": "m", "labels": "l", "resize": "squash-pillow", "engine": "keras-tensorflow",
    "precision": "float32", "schema_version": 2},
  "labels": ["cat", "dog"], "num_images": 12, "num_shards": 6, "num_left_out": 0,
  "versions": {"python": "3.11.7", "keras": "3.15.1"}, "precision_reason": "as asked", "clip": 0.02, "agreement": null,
  "devices": [{"host": "vm", "node_id": "ab", "pid": 7, "num_cpus": 1, "gpu_ids": ["0"]}],
  "summary": {"num_images": 12, "num_errors": 1, "num_scored": 12, "num_labelled": 0, "num_right": 0,
    "images_per_s": 3.5, "steady_images_per_s": null, "wall_s": 4, "read_s": 0.1, "decode_s": 0.1, "wait_s": 0.1,
    "score_s": 0.1, "write_s": 0.1, "num_lost_workers": 0, "num_repeats": 0, "bound_by": "score",
    "worker_memory_bytes": 1, "driver_memory_bytes": 1},
  "milestones": {"command_at": 1.5, "ray_at": 2.5, "worker_at": 3.5, "first_batch_at": 4.5, "last_shard_at": 5.5,
    "summary_at": 6.5}
}"""


def test_record_of_version_0_1_0_is_read_and_written_with_its_keys_and_values() -> None:
    record = parse_record(_EARLIER, "run.json")
    assert (record.request.model_name, record.request.weights, record.request.labels_from) == ("/m.keras", None, "auto")
    assert record.summary is not None
    assert record.summary.wall_s == 4.0
    assert record.devices == (DeviceRecord("vm", ("0",), "ab", 7, 1),)
    earlier = json.loads(_EARLIER)
    earlier["summary"] |= {"one_answer": None, "num_changed": 0, "batch_sizes": [], "num_unknown": 0}
    earlier["summary"] |= {"unknown_labels": [], "unused_gpu": None, "num_unlabelled": 0}
    earlier["summary"] |= {"num_learned": 0, "num_alike": 0, "learned_fault": ""}
    earlier["milestones"] |= {"process_at": None, "imported_at": None}
    earlier["devices"][0]["started_at"] = 0.0
    earlier["request"] |= {"read_timeout_s": None, "sonar": None}
    earlier["request"]["columns"] |= {"label": None, "group": None}
    written = json.loads(record.to_json())
    assert len(written.pop("sha256")) == 64
    new = {"digests": [], "num_changed": 0, "has_others": False, "left_out": [], "largest": None, "told": ""}
    new["class_numbers"] = []
    assert written == earlier | new
    assert record.left_out_in_words == "0 files"


def test_record_from_before_there_were_tables_and_reports_is_read() -> None:
    earlier = json.loads(_EARLIER)
    for name in ("clip", "agreement", "devices", "summary", "milestones"):
        del earlier[name]
    del earlier["request"]["columns"]
    record = parse_record(json.dumps(earlier), "run.json")
    assert record.request.columns == TableColumns()
    assert record.summary is None


def test_every_field_survives_the_file(tmp_path: Path) -> None:
    record = replace(
        bare_record(),
        clip=0.004,
        agreement=Agreement(100, 0.99, 0.03),
        devices=(DeviceRecord("vm", ("0", "1"), "node", 7, 2),),
        summary=SUMMARY,
        milestones=Milestones(1.0, 2.0),
    )
    save_record(RunFolder(tmp_path), record)
    assert RunFolder(tmp_path).load_record() == record


@pytest.mark.parametrize(
    ("before", "after"), [("0.0312", "0.0313"), ('"cat"', '"cau"'), ('"labels_from": null', '"labels_from": "names"')]
)
def test_a_record_that_is_not_what_was_written_is_damaged_though_every_field_is_of_its_type(
    tmp_path: Path, before: str, after: str
) -> None:
    text = replace(bare_record(), clip=0.0312).to_json()
    changed = text.replace(before, after, 1)
    assert changed != text
    (tmp_path / "run.json").write_text(changed)
    with pytest.raises(RunFolderError, match=r"run\.json; it is damaged: its checksum is of something else"):
        RunFolder(tmp_path).load_record()


def test_folder_without_a_record_has_none(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).load_record() is None


def _without(name: str) -> str:
    return json.dumps({key: value for key, value in asdict(bare_record()).items() if key != name})


def _with(name: str, value: object) -> str:
    return json.dumps(asdict(bare_record()) | {name: value})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        ("null", "it is None, not dict"),
        ("[]", r"it is \[\], not dict"),
        ("7", "it is 7, not dict"),
        ("{half", "Expecting property name"),
        ("[" * 100_000, "recursion"),
        (_without("fingerprint"), "fingerprint is missing"),
        (_with("labels", "cat"), "labels is 'cat', not list"),
        (_with("labels", ["cat", None]), r"labels\[1\] is None, not str"),
        (_with("num_images", "12"), "num_images is '12', not int"),
        (_with("num_images", True), "num_images is True, not int"),
        (_with("fingerprint", {"images": "i"}), "fingerprint.model is missing"),
        (_with("versions", {"keras": 3}), "versions.keras is 3, not str"),
        (_with("summary", [1]), r"summary is \[1\], not dict"),
        (_with("clip", "much"), "clip is 'much', not int or float"),
        (_with("clip", 10**400), r"clip is 10+\.\.\., too large for a number"),
    ],
)
def test_anything_else_ends_in_one_line_that_costs_no_shard(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunFolderError, match=reason) as refusal:
        RunFolder(tmp_path).load_record()
    said = str(refusal.value)
    assert str(tmp_path / "run.json") in said
    assert "The same command again writes it anew and keeps every shard" in said
    assert "overwrite" not in said
    assert "\n" not in said


def test_record_that_is_no_text_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(RunFolderError, match="damaged"):
        RunFolder(tmp_path).load_record()
