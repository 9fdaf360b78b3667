"""How the training of a model's heads went, epoch by epoch."""

from scoring.models.training_record import TrainingRecord
from scoring.report.figures import Curve, draw_curves
from scoring.report.parts import Block, Figure, Table
from scoring.report.text import measure, percent
from scoring.run.wording import plural


def learning_curves(training: TrainingRecord) -> list[Block]:
    """Log loss and accuracy by epoch, the epoch marked that was kept; nothing of heads that have no epochs."""
    if not any(head.curve for head in training.heads):  # fitted to the end, without epochs
        return []
    kept = ", ".join(str(head.best_epoch) for head in training.heads)
    table = Table(
        "Every epoch",
        ("head's seed", "epoch", "log loss, training", "validation", "accuracy, training", "validation"),
        [
            (
                str(head.seed),
                str(epoch.epoch),
                measure(epoch.train_log_loss),
                measure(epoch.validation_log_loss),
                percent(epoch.train_accuracy),
                percent(epoch.validation_accuracy),
            )
            for head in training.heads
            for epoch in head.curve
        ],
    )
    description = f"{plural(len(training.heads), 'head')}; kept was epoch {kept}, marked by a dot."
    return [
        Figure("Log loss by epoch", _draw(training, "log_loss", "nats per image", 1), description, table),
        Figure("Accuracy by epoch", _draw(training, "accuracy", "accuracy, %", 100), description, table=None),
    ]


def _draw(training: TrainingRecord, quantity: str, y_label: str, scale: float) -> str:
    groups = [
        [
            Curve(name, [scale * getattr(epoch, f"{part}_{quantity}") for epoch in head.curve], head.best_epoch)
            for head in training.heads
        ]
        for part, name in (("train", "training"), ("validation", "validation"))
    ]
    return draw_curves(f"curve-{quantity.replace('_', '-')}", groups, y_label)
