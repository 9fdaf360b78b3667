"""How right a model is whose labels stand by themselves, as parts of a report."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.quality.multi_label import MultiLabelEvaluation, evaluate_labels, true_labels
from scoring.report.parts import Block, Facts, KeyFigure, Table
from scoring.report.rows import rows_of_file
from scoring.report.text import count, measure
from scoring.run.predictions import OK
from scoring.storage.locations import Location, readable

_AREA, _NO_AREA = "mean of labels; 0.5 is chance, 1 is perfect", "each label is of all these images, or of none"


def measure_labels(
    files: Sequence[Location], labels: Sequence[str], share: float = 1.0
) -> tuple[MultiLabelEvaluation | None, int]:
    """Measure what the readable images with a known truth tell, and count those with a target that is none.

    Args:
        files: Predictions files, with all probabilities.
        labels: One name per label.
        share: Of each file's readable images, at most 1; the same as `read_rows` draws.

    Returns:
        What was measured, None without a known truth; and how many images have a target that the model does not know.

    Raises:
        OSError: If a file cannot be read.
        pyarrow.ArrowException: If it is damaged.
    """
    parts = [_known(index, path, labels, share) for index, path in enumerate(files)]
    num_unknown = sum(num for _, _, num in parts)
    probabilities = np.concatenate([said for said, _, _ in parts]) if parts else np.zeros((0, len(labels)), np.float32)
    if not len(probabilities):
        return None, num_unknown
    return evaluate_labels(probabilities, np.concatenate([truth for _, truth, _ in parts])), num_unknown


def _known(
    index: int, path: Location, labels: Sequence[str], share: float
) -> tuple[Float32Array, npt.NDArray[np.bool_], int]:
    """Probabilities and truth of one file's images, each of shape (num_known, num_labels); how many are unknown."""
    table = pq.read_table(
        readable(path), columns=["status", "target", "probabilities"], page_checksum_verification=True
    )
    table = table.filter(pc.equal(table["status"], OK))
    table = table.take(pa.array(rows_of_file(len(table), share, index)))
    table = table.filter(pc.is_valid(table["target"]))
    targets = table["target"].to_pylist()
    told = true_labels(targets, labels)
    is_known = pa.array([told[target] is not None for target in targets], pa.bool_())
    said: Float32Array = pc.list_flatten(table.filter(is_known)["probabilities"]).to_numpy().astype(np.float32)
    truth = [classes for target in targets if (classes := told[target]) is not None]
    known = np.zeros((len(truth), len(labels)), bool)
    for row, classes in zip(known, truth, strict=True):
        row[list(classes)] = True
    return said.reshape(-1, len(labels)), known, len(targets) - len(known)


def label_blocks(quality: MultiLabelEvaluation, labels: Sequence[str]) -> list[Block]:
    """Tell of all labels, and of each."""
    facts = [
        ("images with a known truth", count(quality.num_images)),
        ("log loss, nats per image and label", measure(quality.log_loss)),
        ("area under the ROC curve, mean of labels", measure(quality.roc_auc)),
    ]
    rows = [
        (name, count(label.num_images), measure(label.log_loss), measure(label.roc_auc))
        for name, label in zip(labels, quality.labels, strict=True)
    ]
    return [
        Facts("Measures", facts),
        Table("Each label", ("label", "images that have it", "log loss", "ROC AUC"), rows),
    ]


def label_figures(quality: MultiLabelEvaluation) -> list[KeyFigure]:
    """What stands at the top."""
    return [
        KeyFigure("Log loss", measure(quality.log_loss), "nats per image and label"),
        KeyFigure("ROC AUC", measure(quality.roc_auc), _NO_AREA if quality.roc_auc is None else _AREA),
    ]
