"""What a report says of a sonar study: every protocol with every model, beside the published figures."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scoring.quality.evaluation import Evaluation, evaluate
from scoring.report.figures import Estimate, draw_estimates
from scoring.report.parts import Block, Facts, Figure, KeyFigure, Prose, Section, SonarParts, Table
from scoring.report.quality import confusion_block, reliability_figure
from scoring.report.text import NONE, measure, percent, percent_range, seconds, short_digest
from scoring.sonar.metrics_file import StudyRecord
from scoring.sonar.protocols import TITLES, EvaluationProtocol
from scoring.sonar.recipes import Published, SonarModel
from scoring.sonar.results import MIN_PROBABILITY, StudyRow
from scoring.sonar.returns import NOT_UCI

_LABELS = ("rock", "mine")
_COMPARED = (SonarModel.ARTICLE, SonarModel.SVM)  # in the reliability diagrams, with the foremost


def study_parts(study: StudyRecord, table: pd.DataFrame) -> SonarParts:
    """Tell of a study.

    Args:
        study: What it found.
        table: Its out-of-fold probabilities; one row for each test row of each fold.
    """
    rows = study.rows
    protocols = list(dict.fromkeys(row.protocol for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    foremost = [_foremost([row for row in rows if row.protocol is protocol]) for protocol in protocols]
    accuracy: list[Block] = [] if study.settings.are_uci else [Prose(f"Published figures are {NOT_UCI}.")]
    accuracy += [Prose(f"{study.warning_of_copies}.")] if study.warning_of_copies else []
    for protocol in protocols:
        of_protocol = [row for row in rows if row.protocol is protocol]
        accuracy += [_table(protocol, of_protocol), _figure(protocol, of_protocol)]
    return SonarParts(
        "Sonar study",
        [_key_figure(row, len(models)) for row in foremost],
        [
            Section("Sonar study", accuracy, layout="pairs"),
            Section("Sonar reliability", _out_of_fold(foremost, models, table)),
            Section("How the study was made", [_facts(study)]),
        ],
    )


def _foremost(rows: Sequence[StudyRow]) -> StudyRow:
    """What stands for a protocol: ours or, where that was not studied, what is right most often."""
    return max(rows, key=lambda row: (row.model is SonarModel.OURS, row.accuracy))


def _key_figure(row: StudyRow, num_models: int) -> KeyFigure:
    is_best = row.model is not SonarModel.OURS and num_models > 1
    best = f", the best of {num_models} models" if is_best else ""
    theirs = f"; published {_published(row.published)}" if row.published else ""
    return KeyFigure(f"Sonar, {row.protocol}", percent(row.accuracy), f"{row.model}{best}{theirs}")


def _published(figure: Published) -> str:
    deviation = "" if figure.deviation is None else f" ± {100 * figure.deviation:.1f}"
    accuracy = f"{100 * figure.accuracy:.2f}".removesuffix("0")
    return f"{accuracy}%{deviation}, {figure.what}"


def _facts(study: StudyRecord) -> Facts:
    settings = study.settings
    return Facts(
        "What was studied",
        [
            ("protocols", ", ".join(settings.protocols)),
            ("models", ", ".join(settings.models)),
            ("seed", str(settings.seed)),
            ("log loss", f"of probabilities kept {MIN_PROBABILITY} from certainty"),
            ("intervals", "; ".join(dict.fromkeys(row.interval.method for row in study.results))),
            ("time", seconds(study.wall_s)),
            ("data's digest", short_digest(settings.data_sha256)),
            ("versions", ", ".join(f"{name} {version}" for name, version in settings.versions.items())),
        ],
    )


def _table(protocol: EvaluationProtocol, rows: Sequence[StudyRow]) -> Table:
    names = ["model", "accuracy", "95% interval", "SD over folds", "log loss"]
    is_beside = any(row.published for row in rows)
    cells = [
        (
            row.model,
            percent(row.accuracy),
            percent_range(row.interval.low, row.interval.high),
            f"{100 * row.deviation:.1f} points",
            measure(row.log_loss),
            *([_published(row.published) if row.published else NONE] if is_beside else []),
        )
        for row in rows
    ]
    return Table(f"Accuracy: {TITLES[protocol]}", [*names, *(["published"] if is_beside else [])], cells)


def _figure(protocol: EvaluationProtocol, rows: Sequence[StudyRow]) -> Figure:
    estimates = [
        Estimate(
            row.model,
            row.accuracy,
            row.interval.low,
            row.interval.high,
            row.published.accuracy if row.published else None,
        )
        for row in rows
    ]
    best = max(rows, key=lambda row: row.accuracy)
    return Figure(
        title=f"Accuracy with its 95% interval: {protocol}",
        svg=draw_estimates(f"study-{protocol}", estimates),
        description=f"The highest accuracy, {percent(best.accuracy)}, is that of {best.model}.",
        table=None,
    )


def _out_of_fold(foremost: Sequence[StudyRow], models: Sequence[SonarModel], table: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = [
        Prose(
            "From the probabilities of test rows, over all folds and repetitions. The same return is tested many "
            "times, so that bins have no intervals of their own."
        )
    ]
    matrices: list[Block] = []
    for row in foremost:
        protocol, of_protocol = row.protocol, table[table["protocol"] == row.protocol.value]
        compared = dict.fromkeys([row.model, *(model for model in _COMPARED if model in models)])
        found = {model.value: evaluate_returns(of_protocol[of_protocol["model"] == model.value]) for model in compared}
        series = {name: one.reliability for name, one in found.items()}
        figure = reliability_figure(
            f"reliability-{protocol}", series, _LABELS, intervals=False, subject=protocol, noun="return"
        )
        blocks.append(figure)
        name, first = next(iter(found.items()))
        assert first.confusion is not None, "there are two labels"
        matrices.append(confusion_block(first.confusion, _LABELS, f"{name}, {protocol}: returns of all folds"))
    return [*blocks, *matrices]


def evaluate_returns(rows: pd.DataFrame) -> Evaluation:
    """Measure rows of sonar predictions by the labels that they hold."""
    mine = rows["mine_probability"].to_numpy(np.float32)
    truth, predicted = (rows[name].eq("mine").to_numpy().astype(np.int64) for name in ("target", "label"))
    return evaluate(np.stack([1 - mine, mine], axis=1), truth, predicted)
