"""Heads whose training diverged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.finetuning.ensemble import HeadIdentity, load_head, save_head
from scoring.finetuning.head_trainer import HeadTrainer, TrainHead
from scoring.finetuning.heads import Head
from scoring.finetuning.settings import FinetuneSettings
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadSettings
from scoring.networks.base_request import BaseRequest
from scoring.run.fingerprint import Fingerprint
from tests.runs import cats_and_dogs, write_features

pytestmark = pytest.mark.keras


def _trainer(output: Path, learning_rate: float) -> HeadTrainer:
    heads = HeadSettings(max_epochs=2, learning_rate=learning_rate)
    return HeadTrainer(
        FinetuneSettings(output, output, BaseRequest("vgg16"), False, heads, 1, None, 0, False, "tensorflow")
    )


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_a_head_that_diverges_names_the_learning_rate_and_is_not_kept(tmp_path: Path) -> None:
    write_features(ModelFolder(tmp_path).features, cats_and_dogs(20))
    heads = tmp_path / "heads"
    heads.mkdir()
    with pytest.raises(
        ModelError, match=r"with `learning_rate` 1e\+39 it diverged\. Use a smaller one, such as 0\.003"
    ):
        _trainer(tmp_path, 1e39)(TrainHead(0))
    assert not list(heads.iterdir())
    assert _trainer(tmp_path, 0.003)(TrainHead(0)).is_file()


@pytest.mark.parametrize("field", ["kernel", "bias", "logits"])
def test_a_head_with_what_is_no_number_is_not_taken_up(tmp_path: Path, field: str) -> None:
    head = Head(np.ones((2, 2), np.float32), np.ones(2, np.float32), [], np.ones((4, 1, 2), np.float32), [], 0)
    features = Fingerprint("images", "model", "labels", "squash", "keras-tensorflow", "float32", schema_version=2)
    identity = HeadIdentity(features, HeadSettings(), seed=0, num_validation=4, split_seed=0, backend="tensorflow")
    save_head(tmp_path / "head.npz", head, identity)
    assert load_head(tmp_path / "head.npz", identity) is not None
    save_head(tmp_path / "head.npz", replace(head, **{field: getattr(head, field) * np.float32("nan")}), identity)
    assert load_head(tmp_path / "head.npz", identity) is None
