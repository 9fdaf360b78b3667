"""Whether nearly all images get one label at one probability, as from a network given pixels it does not know."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from scoring.quality.certainty import kept_uncertain
from scoring.quality.drawn_rows import draw_rows
from scoring.quality.evaluation import true_classes
from scoring.quality.multi_label import true_labels
from scoring.run.record import RequestRecord
from scoring.run.summary import OneAnswer

_NUM_LOOKED_AT = 500
_MOST_HELD = 2 * _NUM_LOOKED_AT  # beyond it, all but _NUM_LOOKED_AT are let go
_SEED = 0
_LEAST = 20  # fewer images may well be alike
_MOST_ALIKE = 0.95
# Two probabilities are one where their log-odds are as near as this: 0.500 and 0.512, or 0.99900 and 0.99905. Sure
# answers to different images lie further apart; all that float32 rounds to 1 are alike.
_SAME_LOG_ODDS = 0.05


class AnswerCount:
    """Looks at 500 to 1,000 readable images, always the same, drawn from every shard: the first may be of one class.

    Args:
        labels: One name per class, in class order.
        is_multi_label: Whether several may be true of an image, or none.
    """

    def __init__(self, labels: Sequence[str], is_multi_label: bool = False) -> None:
        self._labels, self._is_multi_label = labels, is_multi_label
        self._tables: list[pa.Table] = []
        self._num_held, self._share = 0, 1.0
        self._draw = np.random.default_rng(_SEED)

    def add(self, table: pa.Table) -> None:
        """Look at some rows of a shard."""
        readable = table.select(["target", "class_index", "probability"]).filter(table["class_index"].is_valid())
        self._hold(readable, self._share)
        if self._num_held > _MOST_HELD:  # how many will be readable is not known before
            held, part = pa.concat_tables(self._tables), _NUM_LOOKED_AT / self._num_held
            self._tables, self._num_held, self._share = [], 0, self._share * part
            self._hold(held, part)

    def _hold(self, table: pa.Table, share: float) -> None:
        rows = draw_rows(len(table), share, self._draw)
        if len(rows):  # there may be a million shards, of which few have any
            self._tables.append(table.take(pa.array(rows)))
            self._num_held += len(rows)

    def found(self) -> OneAnswer | None:
        """The answer that over 95% of them got; None if there is none, or if it is right by what is known."""
        rows = pa.concat_tables(self._tables) if self._tables else None
        if rows is None or len(rows) < _LEAST:
            return None
        answers, probabilities = rows["class_index"].to_numpy(), rows["probability"].to_numpy().astype(np.float64)
        label = int(np.bincount(answers).argmax())
        kept = kept_uncertain(probabilities)
        log_odds = np.log(kept / (1 - kept))
        middle = np.median(log_odds[answers == label])
        alike = (answers == label) & (np.abs(log_odds - middle) <= _SAME_LOG_ODDS)
        share = float(alike.mean())
        if share <= _MOST_ALIKE:
            return None
        probability = float(np.median(probabilities[alike]))
        if self._is_right(label, probability, rows["target"].to_pylist()):
            return None
        return OneAnswer(self._labels[label], probability, share, len(rows))

    def _is_right(self, label: int, probability: float, targets: Sequence[str | None]) -> bool:
        """Whether the answer is right for more than half of the images, by what is known."""
        if not self._is_multi_label:
            return bool((true_classes(targets, self._labels) == label).mean() > 1 / 2)
        told = true_labels(targets, self._labels)
        truth = [None if target is None else told[target] for target in targets]
        # The most likely label stands for all: below a half no label is said to be true, and none may be.
        right = [known is not None and (label in known if probability >= 1 / 2 else not known) for known in truth]
        return bool(np.mean(right) > 1 / 2)


def likely_cause(request: RequestRecord) -> str:
    """What may have made a model give one answer, and what to do."""
    pixels = request.model.get("pixels", "0..255")
    if request.weights == "random":
        return "its weights are random"
    if not (request.model_name.endswith(".keras") or "://" in request.model_name):
        return "the images may all be alike"
    if pixels == "0..255":
        return "it may have been trained on pixels of 0 to 1 or -1 to 1: name `pixels`"
    return f"`pixels` {pixels} may not be what it was trained on"
