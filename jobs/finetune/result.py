"""What `finetune` leaves, as Python has it."""

from dataclasses import dataclass

from scoring.errors import RunFolderError
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import Calibration
from scoring.models.training_record import load_training_record
from scoring.quality.evaluation import Evaluation
from scoring.storage.locations import Location


@dataclass(frozen=True)
class Model:
    """A fine-tuned model; its path is what `score` takes as `model`.

    Attributes:
        path: The model folder, absolute.
        labels: One name per class, in class order.
        metrics: How good it is on photos kept out of training: accuracy, log loss, ROC AUC, confusion of up to 100
            labels, reliability.
        calibration: The temperature inside it, and the clip that `submission` takes of cats and dogs.
        digest: SHA-256 over what was trained, and on what.
        num_seen: Photos measured on that are copies of photos trained on; if there are any, `metrics` are too good.
    """

    path: Location
    labels: tuple[str, ...]
    metrics: Evaluation
    calibration: Calibration
    digest: str | None = None
    num_seen: int = 0

    def check_not_replaced(self) -> None:
        """Refuse to go on where it is no longer in its folder; what takes a result in a path's place asks.

        Raises:
            RunFolderError: If the folder holds another model now, or none that is finished.
        """
        if self.digest not in (None, load_training_record(ModelFolder(self.path)).digest):
            raise RunFolderError(
                f"Expected the model of this result in {self.path}; another has taken its place. Take the later "
                "result, or fine-tune into another `output`."
            )
