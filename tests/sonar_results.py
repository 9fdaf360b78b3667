"""Sonar results as `score` and `sonar` leave them when they are killed: without `metrics.json`, and without Keras."""

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.sonar.ensemble import OUTPUT_LAYER
from scoring.sonar.network import SONAR_SCHEMA
from scoring.sonar.whole_results import MODEL_NAME, PREDICTIONS_NAME


def write_sonar_results(folder: Path, schema: pa.Schema = SONAR_SCHEMA, layer: str = OUTPUT_LAYER) -> None:
    """Write a model that has this layer, and predictions of this schema without a row."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(schema.empty_table(), folder / PREDICTIONS_NAME)
    with zipfile.ZipFile(folder / MODEL_NAME, "w") as archive:
        archive.writestr("config.json", f'{{"config": {{"layers": [{{"name": "{layer}"}}]}}}}')
