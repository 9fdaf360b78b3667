import json
from pathlib import Path

import numpy as np

from jobs.console.json_results import as_json
from jobs.results import Model, Run
from scoring import __version__
from scoring.models.trained_heads import Calibration
from scoring.quality.evaluation import evaluate
from scoring.storage.locations import Url
from tests.runs import SUMMARY


def test_a_run_is_its_path_its_figures_and_what_there_is_none_of() -> None:
    told = json.loads(as_json("score", Run(Url("s3", "bucket", "run"), SUMMARY, None)))
    assert told.keys() == {"command", "version", "path", "summary", "sonar", "plan", "fingerprint", "digest"}
    assert (told["command"], told["version"], told["path"]) == ("score", __version__, "s3://bucket/run")
    assert (told["summary"]["images_per_s"], told["summary"]["one_answer"]) == (12.0, None)
    assert (told["sonar"], told["plan"]) == (None, None)


def test_a_model_is_its_path_its_labels_and_how_good_it_is() -> None:
    metrics = evaluate(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), np.array([0, 1]))
    told = json.loads(as_json("finetune", Model(Path("model"), ("cat", "dog"), metrics, Calibration(1.5, 0.02))))
    assert (told["path"], told["labels"]) == ("model", ["cat", "dog"])
    assert told["metrics"]["accuracy"] == 1.0
    assert told["num_seen"] == 0
    assert told["calibration"] == {"temperature": 1.5, "clip": 0.02}
