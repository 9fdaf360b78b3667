"""A sonar study as a table: every protocol, every model, beside the published figures."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from scoring.sonar.metrics_file import StudyRecord
from scoring.sonar.protocols import TITLES
from scoring.sonar.results import MIN_PROBABILITY, StudyRow
from scoring.sonar.returns import NOT_UCI


def print_study(console: Console, study: StudyRecord, folder: Path, wall_s: float) -> None:
    """Print a sonar study, protocol by protocol: every model beside the published figure. In percent."""
    rows = study.rows
    for protocol in dict.fromkeys(row.protocol for row in rows):
        table = Table(title=TITLES[protocol], title_justify="left", box=None, pad_edge=False)
        for name in ("model", "accuracy %", "95% interval", "sd", "log loss", "published"):
            table.add_column(name, justify="left" if name in ("model", "published") else "right", no_wrap=True)
        for row in rows:
            if row.protocol is protocol:
                table.add_row(row.model, *_study_figures(row))
        console.print(table)
    for method in dict.fromkeys(row.interval.method for row in rows):
        console.print(f"interval: {method}")
    console.print(f"log loss: of probabilities kept {MIN_PROBABILITY} from certainty")
    if study.warning_of_copies:
        console.print(study.warning_of_copies, style="yellow")
    if not study.settings.are_uci:
        console.print(f"published figures are {NOT_UCI}")
    console.print(f"{wall_s:.1f} s; all folds, out-of-fold probabilities and the model: {folder!s}")


def _study_figures(row: StudyRow) -> tuple[str, ...]:
    interval = f"{100 * row.interval.low:.1f} to {100 * row.interval.high:.1f}"
    theirs = f"{100 * row.published.accuracy:.1f} {row.published.what}" if row.published else "-"
    return f"{100 * row.accuracy:.1f}", interval, f"{100 * row.deviation:.1f}", f"{row.log_loss:.3f}", theirs
