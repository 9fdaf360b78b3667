"""What `finetune` leaves, as Python has it."""

from dataclasses import dataclass

from scoring.models.trained_heads import Calibration
from scoring.quality.evaluation import Evaluation
from scoring.storage.locations import Location


@dataclass(frozen=True)
class Model:
    """A fine-tuned model; its path is what `score` takes as `model`.

    Attributes:
        path: The model folder, absolute.
        labels: One name per class, in class order.
        metrics: How good it is on photos kept out of training: accuracy, log loss, ROC AUC, confusion, reliability.
        calibration: The temperature inside it, and the clip that `submission` takes.
    """

    path: Location
    labels: tuple[str, ...]
    metrics: Evaluation
    calibration: Calibration
