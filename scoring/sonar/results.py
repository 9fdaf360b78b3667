"""What a sonar study found: every fold, what they come to, and the out-of-fold probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from scoring.arrays import Float32Array
from scoring.quality.intervals import Interval, corrected_interval, single_test_interval
from scoring.run.predictions import write_table
from scoring.sonar.protocols import EvaluationProtocol, Fold
from scoring.sonar.recipes import Published, SonarModel, published_figure
from scoring.sonar.returns import LABEL_NAMES, SonarReturns
from scoring.sonar.study import StudyTask

PREDICTIONS_SCHEMA = pa.schema(
    [
        pa.field("protocol", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("repeat", pa.int32(), nullable=False),
        pa.field("fold", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("mine_probability", pa.float32(), nullable=False),
    ]
)
MIN_PROBABILITY = 1e-3  # in log loss, which one wrong certainty would make infinite


@dataclass(frozen=True)
class FoldScore:
    """One fold's outcome.

    Attributes:
        repeat: Number of the repetition, from 0.
        fold: Number of the fold in its repetition, from 0.
        num_train: Rows trained on.
        num_test: Rows tested on.
        accuracy: Share of test rows that got their true label.
    """

    repeat: int
    fold: int
    num_train: int
    num_test: int
    accuracy: float


@dataclass(frozen=True)
class StudyRow:
    """One model under one protocol.

    Attributes:
        protocol: How the returns were divided.
        model: What was trained.
        accuracy: Mean over folds.
        deviation: Standard deviation over folds.
        interval: 95% confidence interval of the mean.
        log_loss: Log loss over all test rows; probabilities are kept 0.001 from certainty.
        published: The figure to compare with, if there is one of these returns.
        folds: Every fold's outcome.
    """

    protocol: EvaluationProtocol
    model: SonarModel
    accuracy: float
    deviation: float
    interval: Interval
    log_loss: float
    published: Published | None
    folds: tuple[FoldScore, ...]


ScoredFolds = list[tuple[Fold, Float32Array]]


def gather_folds(
    tasks: Sequence[StudyTask], results: Mapping[int, list[Float32Array]]
) -> dict[tuple[EvaluationProtocol, SonarModel], ScoredFolds]:
    """Put the tasks' results together, in the order of the plan.

    Args:
        tasks: The plan.
        results: By task number, the mine probabilities of each fold's test rows.
    """
    scored: dict[tuple[EvaluationProtocol, SonarModel], ScoredFolds] = {}
    for number, task in enumerate(tasks):
        if task.protocol is not None and number in results:
            scored.setdefault((task.protocol, task.model), []).extend(zip(task.folds, results[number], strict=True))
    return scored


def summarise(protocol: EvaluationProtocol, model: SonarModel, scored: ScoredFolds, returns: SonarReturns) -> StudyRow:
    """Measure one model under one protocol.

    Args:
        protocol: How the returns were divided.
        model: What was trained.
        scored: Its folds, with mine probabilities of their test rows.
        returns: What was divided, with labels.
    """
    assert returns.labels is not None
    is_mine = returns.labels == "M"
    folds = tuple(
        FoldScore(
            fold.repeat,
            fold.number,
            len(fold.train_rows),
            len(fold.test_rows),
            float(((probability >= 0.5) == is_mine[fold.test_rows]).mean()),
        )
        for fold, probability in scored
    )
    accuracies = [fold.accuracy for fold in folds]
    test_rows = np.concatenate([fold.test_rows for fold, _ in scored])
    truth = is_mine[test_rows]
    given = np.concatenate([probability for _, probability in scored]).clip(MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return StudyRow(
        protocol=protocol,
        model=model,
        accuracy=float(np.mean(accuracies)),
        deviation=float(np.std(accuracies, ddof=1)) if np.ptp(accuracies) else 0.0,
        interval=_interval(protocol, folds, len(np.unique(test_rows))),
        log_loss=float(-np.log(np.where(truth, given, 1 - given)).mean()),
        published=published_figure(protocol, model) if returns.are_uci else None,
        folds=folds,
    )


def _interval(protocol: EvaluationProtocol, folds: Sequence[FoldScore], num_rows: int) -> Interval:
    accuracies = [fold.accuracy for fold in folds]
    if protocol is EvaluationProtocol.DEPENDENT:
        return single_test_interval(accuracies, folds[0].num_test)
    num_train = float(np.mean([fold.num_train for fold in folds]))
    num_test = float(np.mean([fold.num_test for fold in folds]))
    return corrected_interval(accuracies, num_train, num_test, num_rows)


def write_predictions(
    path: Path, returns: SonarReturns, scored: Mapping[tuple[EvaluationProtocol, SonarModel], ScoredFolds]
) -> str:
    """Write one row for every test row of every fold; return the file's digest."""
    assert returns.labels is not None
    names = np.array([LABEL_NAMES[label] for label in returns.labels])
    tables = [
        pa.table(
            {
                "protocol": [protocol.value] * len(probability),
                "model": [model.value] * len(probability),
                "repeat": [fold.repeat] * len(probability),
                "fold": [fold.number] * len(probability),
                "row": fold.test_rows,
                "target": names[fold.test_rows],
                "label": np.where(probability >= 0.5, LABEL_NAMES["M"], LABEL_NAMES["R"]),
                "mine_probability": probability,
            },
            schema=PREDICTIONS_SCHEMA,
        )
        for (protocol, model), folds in scored.items()
        for fold, probability in folds
    ]
    return write_table(path, pa.concat_tables(tables).combine_chunks())
