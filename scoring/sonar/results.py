"""What a sonar study found: every fold, what they come to, and the files that hold it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.errors import RunFolderError
from scoring.quality.intervals import Interval, corrected_interval, single_test_interval
from scoring.sonar.protocols import EvaluationProtocol, Fold
from scoring.sonar.recipes import Published, SonarModel, published_figure
from scoring.sonar.returns import LABEL_NAMES, SonarReturns
from scoring.sonar.study import StudyTask
from scoring.storage.durable import whole_file, write_text
from scoring.storage.locations import Location

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
_MIN_PROBABILITY = 1e-3  # in log loss, which one wrong certainty would make infinite


@dataclass(frozen=True)
class FoldScore:
    """One fold's outcome.

    Attributes:
        repeat: Repetition, from 0.
        fold: Fold of the repetition, from 0.
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
        log_loss: Over all test rows; probabilities are kept 0.001 from certainty.
        published: The figure to compare with, if there is one.
        folds: Each fold.
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


def summarise(
    protocol: EvaluationProtocol, model: SonarModel, scored: ScoredFolds, is_mine: npt.NDArray[np.bool_]
) -> StudyRow:
    """Measure one model under one protocol.

    Args:
        protocol: How the returns were divided.
        model: What was trained.
        scored: Its folds, with mine probabilities of their test rows.
        is_mine: The truth, shape (num_rows,).
    """
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
    truth = np.concatenate([is_mine[fold.test_rows] for fold, _ in scored])
    given = np.concatenate([probability for _, probability in scored]).clip(_MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    return StudyRow(
        protocol=protocol,
        model=model,
        accuracy=float(np.mean(accuracies)),
        deviation=float(np.std(accuracies, ddof=1)),
        interval=_interval(protocol, folds),
        log_loss=float(-np.log(np.where(truth, given, 1 - given)).mean()),
        published=published_figure(protocol, model),
        folds=folds,
    )


def _interval(protocol: EvaluationProtocol, folds: Sequence[FoldScore]) -> Interval:
    accuracies = [fold.accuracy for fold in folds]
    if protocol is EvaluationProtocol.DEPENDENT:
        return single_test_interval(accuracies, folds[0].num_test)
    num_train, num_test = (
        float(np.mean([getattr(fold, name) for fold in folds])) for name in ("num_train", "num_test")
    )
    return corrected_interval(accuracies, num_train, num_test)


def write_predictions(
    path: Path, returns: SonarReturns, scored: Mapping[tuple[EvaluationProtocol, SonarModel], ScoredFolds]
) -> None:
    """Write one row for every test row of every fold."""
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
    with whole_file(path) as temporary:
        pq.write_table(pa.concat_tables(tables).combine_chunks(), temporary)


def write_study(path: Path, settings: Mapping[str, Any], rows: Sequence[StudyRow], wall_s: float) -> None:
    """Write `metrics.json`; it comes last, so a study that has one is complete."""
    record = {"settings": dict(settings), "wall_s": wall_s, "results": [asdict(row) for row in rows]}
    write_text(path, json.dumps(record, indent=2) + "\n")


def load_study(path: Location, settings: Mapping[str, Any]) -> list[StudyRow] | None:
    """Return what an earlier study with the same settings found; None if there is none.

    Raises:
        RunFolderError: If the file holds something else; the setting that differs is named.
    """
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        earlier, rows = record["settings"], [_parse_row(row) for row in record["results"]]
    except (ValueError, TypeError, KeyError) as error:
        raise RunFolderError(f"{path} is not what `sonar` writes. Use another --output, or --overwrite.") from error
    for name, value in settings.items():
        if earlier.get(name) != value:
            raise RunFolderError(
                f"{path} holds a study whose {name} differs: expected {earlier.get(name)}, received {value}. Use "
                "another --output, or --overwrite to start clean."
            )
    return rows


def _parse_row(row: dict[str, Any]) -> StudyRow:
    published = row["published"]
    parsed = {
        "protocol": EvaluationProtocol(row["protocol"]),
        "model": SonarModel(row["model"]),
        "interval": Interval(**row["interval"]),
        "published": Published(**published) if published else None,
        "folds": tuple(FoldScore(**fold) for fold in row["folds"]),
    }
    return StudyRow(**{**row, **parsed})
