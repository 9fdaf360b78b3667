import csv
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest


@pytest.mark.ray
@pytest.mark.keras
@pytest.mark.slow
def test_demo_makes_everything_offline_with_the_real_architecture(tmp_path: Path) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "jobs", "demo", "--output", tmp_path / "demo"], capture_output=True, text=True
    )
    assert demo.returncode == 0, demo.stderr
    run = tmp_path / "demo" / "run"
    rows = pd.read_parquet(run / "predictions")
    assert len(rows) == 40
    assert (rows["status"] == "error").sum() == 3
    summary = json.loads((run / "run.json").read_text())["summary"]
    assert (summary["num_errors"], summary["num_labelled"]) == (3, 37)
    assert summary["num_right"] >= 34, "cats and dogs that the model has not seen"
    assert f"{summary['num_right']} of 37 labelled images" in demo.stdout
    assert json.loads((run / "sonar" / "metrics.json").read_text())["num_test"] == 84
    for report in (run / "report.html", tmp_path / "demo" / "model" / "report.html"):
        assert "<h1" in report.read_text()
    with (run / "submission.csv").open() as file:
        assert [int(row["id"]) for row in csv.DictReader(file)] == list(range(1, 41))
