"""What is written beside a trained network."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pyarrow.parquet as pq

from scoring.finetuning.model_writer import _write_validation
from scoring.models.model_folder import ModelFolder
from scoring.sources.entries import ImageEntry


def test_all_probabilities_of_the_validation_photos_are_stored_however_many_labels_there_are(tmp_path: Path) -> None:
    labels = tuple(f"label {number}" for number in range(40))
    images = [ImageEntry(str(number), f"{number}.jpg", 0, target=label) for number, label in enumerate(labels)]
    photos = Mock(labels=labels, measured=np.arange(40), features=Mock(images=images))
    said = np.random.default_rng(0).dirichlet(np.ones(40), 40).astype(np.float32)
    _write_validation(ModelFolder(tmp_path), photos, said)
    stored = pq.read_table(tmp_path / "validation.parquet")["probabilities"].to_pylist()
    assert np.array_equal(np.array(stored, np.float32), said)
