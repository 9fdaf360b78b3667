"""What a report says of sonar: the network trained beside a run, or a study."""

import hashlib
import io

import numpy as np
import pandas as pd

from scoring.errors import RunFolderError
from scoring.quality.evaluation import Evaluation
from scoring.report.histogram import probability_histogram
from scoring.report.parts import Block, Facts, KeyFigure, Prose, Section, SonarParts, Table
from scoring.report.quality import confusion_block, reliability_figure
from scoring.report.sonar_study import evaluate_returns, study_parts
from scoring.report.text import NONE, count, measure, percent, percent_range, seconds
from scoring.run.wording import plural
from scoring.sonar.metrics_file import METRICS_NAME, SonarMetrics, StudyRecord, load_metrics
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import ARTICLE_ACCURACY, SonarModel, published_figure
from scoring.sonar.returns import NOT_UCI
from scoring.sonar.whole_results import PREDICTIONS_NAME
from scoring.storage.durable import refuse_special
from scoring.storage.locations import Location

_LABELS = ("rock", "mine")  # so that figures are of the probability of a mine


def sonar_parts(folder: Location) -> SonarParts | None:
    """Tell of a folder's sonar results; None if it has none.

    Raises:
        RunFolderError: If `metrics.json` is damaged, or tells of other predictions than lie beside it.
    """
    metrics = load_metrics(folder / METRICS_NAME)
    if metrics is None:
        return None
    refuse_special(folder / PREDICTIONS_NAME)
    content = (folder / PREDICTIONS_NAME).read_bytes()
    if metrics.predictions_sha256 not in (None, hashlib.sha256(content).hexdigest()):
        raise RunFolderError(
            f"Expected the {PREDICTIONS_NAME} that {folder / METRICS_NAME} describes; {folder / PREDICTIONS_NAME} is "
            "another. Run the same command again."
        )
    table = pd.read_parquet(io.BytesIO(content))
    return study_parts(metrics, table) if isinstance(metrics, StudyRecord) else _network_parts(metrics, table)


def _network_parts(metrics: SonarMetrics, table: pd.DataFrame) -> SonarParts:
    """Tell of one network: on the returns it was not trained on where these are known, and else on all."""
    facts = Facts("What was done", _facts(metrics))
    if metrics.best_accuracy is None:
        mine = table["mine_probability"].to_numpy(np.float32)
        figure = probability_histogram("sonar-histogram", "return", "probability of a mine", {"returns": mine})
        returns = KeyFigure("Sonar returns", count(metrics.num_rows), "without labels")
        return SonarParts("Sonar", [returns], [Section("Sonar", [facts, figure])])
    evaluation = evaluate_returns(table[table["split"] == "test"] if metrics.is_tested else table)
    assert evaluation.confusion is not None, "there are two labels"
    is_beside = metrics.is_tested and metrics.are_uci
    whose = ", which are not UCI's" if metrics.is_tested else ""
    note = f"the article's: {ARTICLE_ACCURACY:.2%}" if is_beside else f"on {metrics.measured_on}{whose}"
    accuracy = KeyFigure("Sonar accuracy", percent(evaluation.accuracy), note)
    blocks: list[Block] = [
        facts,
        _accuracies(metrics, evaluation),
        _verdict(metrics, evaluation),
        confusion_block(evaluation.confusion, _LABELS, "Returns"),
        reliability_figure(
            "sonar-reliability", {"network": evaluation.reliability}, _LABELS, intervals=True, noun="return"
        ),
    ]
    return SonarParts("Sonar", [accuracy], [Section("Sonar", blocks)])


def _facts(metrics: SonarMetrics) -> list[tuple[str, str]]:
    split = f"{count(metrics.num_rows)}, of which {count(metrics.num_test)} were kept out of training"
    facts = [
        ("returns", split if metrics.is_tested else metrics.measured_on),
        ("model", metrics.model or f"trained here, split and weights by seed {metrics.seed}"),
        ("time", f"{seconds(metrics.wall_s)}, Keras' import included"),
        ("versions", ", ".join(f"{name} {version}" for name, version in metrics.versions.items())),
    ]
    if metrics.train_accuracy is not None:
        facts.insert(2, ("accuracy in training", percent(metrics.train_accuracy)))
    return facts


def _accuracies(metrics: SonarMetrics, evaluation: Evaluation) -> Table:
    interval = evaluation.accuracy_interval
    how = "60:40 by seed" if metrics.is_tested else metrics.measured_on
    ours = ("this network", how, percent(evaluation.accuracy), percent_range(interval.low, interval.high))
    return Table(
        "Accuracy beside published figures" if metrics.are_uci else "Accuracy",
        ("whose", "how the returns were divided", "accuracy", "95% interval, or standard deviation"),
        [ours, *(_published() if metrics.are_uci else [])],
        num_text_columns=2,
    )


def _published() -> list[tuple[str, str, str, str]]:
    rows = [("the article, 2017", "60:40", f"{ARTICLE_ACCURACY:.2%}", NONE)]
    for protocol in (EvaluationProtocol.INDEPENDENT, EvaluationProtocol.DEPENDENT):
        theirs = published_figure(protocol, SonarModel.OURS)
        assert theirs is not None
        assert theirs.deviation is not None
        how, spread = f"aspect-angle {protocol}, 12 hidden units", f"± {100 * theirs.deviation:.1f} points"
        rows.append(("Gorman and Sejnowski, 1988", how, percent(theirs.accuracy), spread))
    return rows


def _verdict(metrics: SonarMetrics, evaluation: Evaluation) -> Prose:
    interval = evaluation.accuracy_interval
    place = "inside" if interval.low <= ARTICLE_ACCURACY <= interval.high else "outside"
    compared = (
        f"On {plural(evaluation.num_images, 'return')} the article's {ARTICLE_ACCURACY:.2%} lies {place} the 95% "
        f"interval of this accuracy ({interval.method})."
    )
    if not metrics.are_uci:
        compared = f"Published figures are {NOT_UCI}."
    elif not metrics.is_tested:
        compared = "The article's accuracy is of returns kept out of training; this one is not known to be."
    copies = f"{metrics.warning_of_copies}. " if metrics.warning_of_copies else ""
    return Prose(
        f"{copies}{compared} Log loss {measure(evaluation.log_loss)} nats per return, area under the ROC curve "
        f"{measure(evaluation.roc_auc)}."
    )
