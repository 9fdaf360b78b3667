"""What the rows of a run come to, one shard at a time: right answers, one answer to all, errors, photos trained on."""

import pyarrow as pa
import pyarrow.compute as pc

from scoring.models.learned_photos import Learned, find_learned
from scoring.quality.error_reasons import ErrorReasons
from scoring.quality.evaluation import RightCount
from scoring.quality.one_answer import AnswerCount
from scoring.run.folder import RunFolder
from scoring.run.record import RunRecord


class RowCounts:
    """Looks at the rows of each shard.

    Args:
        record: The run's; of features, errors alone are counted.
        folder: The run folder.

    Attributes:
        right: The labelled rows.
        answers: Whether nearly all images got one answer.
        reasons: Why images could not be scored.
        num_learned: Readable labelled rows of images that the model was trained on.
        num_alike: Those of others that have the names and sizes of such.
        learned_fault: What kept these from being known; empty where nothing did.
    """

    def __init__(self, record: RunRecord, folder: RunFolder) -> None:
        self._has_labels = bool(record.labels)
        self._has_truth = self._has_labels and record.request.labels_from is not None
        self.right = RightCount(record.labels, record.is_multi_label)
        self.answers = AnswerCount(record.labels, record.is_multi_label)
        self.reasons = ErrorReasons()
        self.num_learned = self.num_alike = 0
        self._learned = find_learned(record.request.model_name, folder) if self._has_truth else Learned()
        self.learned_fault = self._learned.fault

    def add(self, table: pa.Table) -> None:
        """Look at the rows of a shard."""
        self.reasons.add(table)
        if self._has_labels:  # features have none
            self.answers.add(table)
        if self._has_truth:
            self.right.add(table)
        if self._learned.known or self._learned.alike:
            labelled = table.filter(pc.and_(table["class_index"].is_valid(), table["target"].is_valid()))
            for image_id in labelled["image_id"].to_pylist():
                self.num_learned += image_id in self._learned.known
                self.num_alike += image_id in self._learned.alike
