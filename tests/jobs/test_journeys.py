"""The lines that README types for one machine and for a cluster, typed as they stand there, over small collections.

Kaggle's are in test_kaggle.py. What stands in: drawn photos, a bucket and a cluster on this machine, and random weights
and made-up names of classes, since Keras' own come from the network.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from scoring.storage.locations import Url
from tests.documents import blocks, read
from tests.real_cluster import RealCluster, environment
from tests.source_tree import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.keras]

_NUM_PHOTOS = 6
_NUM_CLASSES = 1000
_WITHOUT_DOWNLOADS = """#!/bin/sh
case "$*" in *--model*) set -- "$@" --weights random;; esac
case "$*" in score*|*" score "*) set -- "$@" --labels {classes};; esac
exec {python} -m jobs "$@"
"""


def _lines_of_readme(word: str) -> str:
    """The block of README that holds a word."""
    [block] = [block for block in blocks(read(ROOT / "README.md")) if word in block]
    assert len(block.replace("\\\n", "").splitlines()) == 5
    return block


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with photos, and a `shardscore` that needs no download."""
    (tmp_path / "photos").mkdir()
    for number in range(_NUM_PHOTOS):
        Image.effect_noise((300, 200), 40 * number).convert("RGB").save(tmp_path / "photos" / f"{number}.jpg")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "shardscore"
    classes = tmp_path / "imagenet_class_index.json"
    classes.write_text(json.dumps({str(n): [f"n{n:08d}", f"thing {n}"] for n in range(_NUM_CLASSES)}))
    command.write_text(_WITHOUT_DOWNLOADS.format(classes=classes, python=sys.executable))
    command.chmod(0o755)
    return tmp_path


def _type(lines: str, folder: Path) -> str:
    """Type the lines in a shell; what they print."""
    known = environment(PYTHONPATH=str(ROOT))
    known["PATH"] = os.pathsep.join([str(folder / "bin"), known["PATH"]])
    shell = ["bash", "-euo", "pipefail", "-c", lines]
    ended = subprocess.run(shell, cwd=folder, env=known, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_one_machine_scores_reports_and_embeds_photos(folder: Path) -> None:
    said = _type(_lines_of_readme("--output runs/photos"), folder)
    assert f"{_NUM_PHOTOS} of {_NUM_PHOTOS} ({_NUM_PHOTOS} scored now)" in said
    assert "label" in said.splitlines()[-1 - _num_labels(folder)], "pandas counts the labels"
    assert (folder / "runs" / "photos" / "report.html").is_file()
    vectors = pq.read_table(folder / "runs" / "features" / "predictions")["embedding"]
    assert {len(vector) for vector in vectors.to_pylist()} == {2048}


def _num_labels(folder: Path) -> int:
    labels = pq.read_table(folder / "runs" / "photos" / "predictions")["label"].to_pylist()
    return len(set(labels)) + 1  # and the line on the column


@pytest.fixture
def cluster(s3: str) -> Iterator[RealCluster]:
    """Two nodes that see the bucket."""
    with RealCluster(num_workers=2) as nodes:
        yield nodes


def test_a_cluster_scores_and_embeds_from_bucket_to_bucket(folder: Path, bucket: Url, cluster: RealCluster) -> None:
    for photo in (folder / "photos").iterdir():
        (bucket / "photos" / photo.name).upload(photo)
    lines = _lines_of_readme("--output s3://bucket/runs/1").replace("s3://bucket", str(bucket))
    _type(lines.replace("http://HEAD:8265", cluster.dashboard), folder)
    assert run_status(RunFolder(bucket / "runs" / "1"), verify=True).is_complete
    assert run_status(RunFolder(bucket / "runs" / "features"), verify=True).is_complete
    assert (folder / "report.html").is_file()
