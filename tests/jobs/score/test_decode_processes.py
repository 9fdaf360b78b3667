"""Decode processes in actors of a real Ray, which a GPU's actor has."""

from pathlib import Path

import pytest

from cluster.placement import Placement
from jobs.bench.one_worker import score_alone
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images
from tests.deadly_pictures import CRASHES, decode_or_worse
from tests.fakes import FAKE_MODEL, load_fake
from tests.runs import read_predictions

pytestmark = pytest.mark.ray


class _FakeScorer(ShardScorer):
    """The real scorer, without Keras."""

    def __init__(self, settings: ScorerSettings) -> None:
        super().__init__(settings, load_fake, decode_or_worse)


@pytest.mark.ci
def test_a_picture_that_crashes_the_decoder_costs_no_actor(photos: Path, tmp_path: Path, two_nodes: None) -> None:
    (photos / "3.png").write_bytes(CRASHES)
    folder = RunFolder(tmp_path / "run")
    folder.predictions.mkdir(parents=True)
    manifest = write_manifest(folder.manifest, find_images(photos).images, 3, 0)
    settings = ScorerSettings(photos, folder.path, FAKE_MODEL, Resize.SQUASH, 2, 1, decode_processes=2)
    summary = score_alone(settings, manifest, Placement(1, 0, 1), _FakeScorer)
    rows = read_predictions(folder.predictions).to_pylist()
    errors = {row["image_id"]: row["error_message"] for row in rows if row["status"] == "error"}
    assert (len(rows), errors) == (12, {"3": "it crashes the decoder"})
    assert (summary.num_scored, summary.num_lost_workers) == (12, 0)
    assert summary.batch_sizes == (2,)
