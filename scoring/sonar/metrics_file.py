"""`metrics.json`: what the network beside a run measured, or what a study found. Read and written here alone."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import TypeVar

from scoring.errors import BucketError, RunFolderError
from scoring.networks.engines import library_versions
from scoring.run.folder import METRICS_NAME as METRICS_NAME
from scoring.run.json_fields import check_checksum, from_json, is_foreign_json, to_json_with_checksum
from scoring.run.wording import plural
from scoring.sonar.protocols import EvaluationProtocol
from scoring.sonar.recipes import SonarModel
from scoring.sonar.results import MIN_PROBABILITY, StudyRow
from scoring.sonar.returns import are_uci
from scoring.storage.durable import write_text
from scoring.storage.locations import Location, is_same_place

_BACKENDS = ("tensorflow", "jax", "torch")
_ADDED_LATER = "model_sha256"  # earlier versions did not write it


class Learned(StrEnum):
    """What is known of whether a network was trained on the returns that it scored."""

    SPLIT = "split"  # which of them it was trained on, and which not
    OTHER_FILE = "other file"  # it was trained on another file, which may hold some of them too
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SonarMetrics:
    """What the network beside a run measured. Accuracies are None where there is no truth to compare with.

    Attributes:
        num_rows: Returns scored.
        num_test: Those that the network is known not to be trained on.
        test_accuracy: Share of test returns that got their true label.
        train_accuracy: Share of training returns that got it.
        confusion_matrix: Test returns by target (rows) and label (columns), in the order mine, rock.
        article_accuracy: The article's figure, which is of UCI's returns; None of others, where earlier versions had it
            too.
        data_sha256: Digest of the file of returns.
        seed: The number that decided split and initial weights.
        model: Path of the model used for scoring, or None if one was trained.
        wall_s: Seconds from start to finish, Keras' import included.
        versions: Library versions, as `sonar_versions` gives them.
        model_sha256: Digest of that model's file; None if one was trained, or if an earlier version wrote this.
        accuracy: Share of all returns that got their true label; None too if an earlier version wrote this.
        learned: Whether the network was trained on them; None if an earlier version wrote this, which took all returns
            for test returns where `model` was given.
        trained_sha256: Digest of the file of the model that was trained; None if `model` was given, or if an earlier
            version wrote this.
        predictions_sha256: Digest of the file of predictions; None if an earlier version wrote this.
        content_sha256: Digest of the returns, however the file spells them; None if an earlier version wrote this.
        num_copies: Test returns with the bands of one that the network was trained on; None if an earlier version wrote
            this.
    """

    num_rows: int
    num_test: int
    test_accuracy: float | None
    train_accuracy: float | None
    confusion_matrix: list[list[int]] | None
    article_accuracy: float | None
    data_sha256: str
    seed: int
    model: str | None
    wall_s: float
    versions: Mapping[str, str]
    model_sha256: str | None = None
    accuracy: float | None = None
    learned: Learned | None = None
    trained_sha256: str | None = None
    predictions_sha256: str | None = None
    content_sha256: str | None = None
    num_copies: int | None = None

    @property
    def warning_of_copies(self) -> str | None:
        """What to say where returns were tested that are copies of others trained on; None where none are known."""
        return _told_of_copies(self.num_copies, "test return", "one trained on")

    @property
    def are_uci(self) -> bool:
        """Whether the returns are UCI's, which published figures are of."""
        return are_uci(self.data_sha256, self.content_sha256)

    @property
    def backend(self) -> str | None:
        """Keras' backend, by the versions; None if they tell none."""
        return next((name for name in _BACKENDS if name in self.versions), None)

    @property
    def known(self) -> Learned:
        """Whether the network was trained on the returns."""
        return self.learned or (Learned.UNKNOWN if self.model else Learned.SPLIT)

    @property
    def is_tested(self) -> bool:
        """Whether there are returns that the network is known not to be trained on."""
        return self.known is Learned.SPLIT and self.num_test > 0

    @property
    def best_accuracy(self) -> float | None:
        """That of the test returns, or else of all; None without the truth."""
        return self.test_accuracy if self.is_tested or self.accuracy is None else self.accuracy

    @property
    def measured_on(self) -> str:
        """The returns that `best_accuracy` is of, in words."""
        if self.is_tested:
            return f"{self.num_test} returns kept out of training"
        return {
            Learned.SPLIT: f"{self.num_rows} returns, all of which the model was trained on",
            Learned.OTHER_FILE: f"{self.num_rows} returns of another file, which may hold some that the model was "
            "trained on",
            Learned.UNKNOWN: f"{self.num_rows} returns, and nothing tells whether the model was trained on them",
        }[self.known]


def _told_of_copies(count: int | None, noun: str, of_what: str) -> str | None:
    if not count:
        return None
    have = f"{plural(count, noun)} {'has' if count == 1 else 'have'}"
    return f"{have} the bands of {of_what}: what is measured is too good"


@dataclass(frozen=True)
class StudySettings:
    """What decides a study's numbers.

    Attributes:
        data_sha256: Digest of the file of returns.
        protocols: Ways in which they were divided.
        models: What was trained.
        seed: The number that decided folds, initial weights and noise.
        backend: Keras' backend.
        versions: Library versions, as `sonar_versions` gives them.
        content_sha256: Digest of the returns, however the file spells them; None if an earlier version wrote this.
    """

    data_sha256: str
    protocols: tuple[EvaluationProtocol, ...]
    models: tuple[SonarModel, ...]
    seed: int
    backend: str
    versions: Mapping[str, str]
    content_sha256: str | None = None

    @property
    def are_uci(self) -> bool:
        """Whether the returns are UCI's, which published figures are of."""
        return are_uci(self.data_sha256, self.content_sha256)


@dataclass(frozen=True)
class StudyRecord:
    """What a study found.

    Attributes:
        settings: What decided it.
        wall_s: Seconds that it took.
        results: A row for each protocol and model.
        trained_sha256: Digest of the file of the model trained on all returns; None if an earlier version wrote this.
        predictions_sha256: Digest of the file of predictions; None if an earlier version wrote this.
        min_probability: How far from certainty probabilities are kept in log losses, by earlier versions too.
        num_copies: Returns with the bands of an earlier row; None if an earlier version wrote this.
    """

    settings: StudySettings
    wall_s: float
    results: tuple[StudyRow, ...]
    trained_sha256: str | None = None
    predictions_sha256: str | None = None
    min_probability: float = MIN_PROBABILITY
    num_copies: int | None = None

    @property
    def warning_of_copies(self) -> str | None:
        """What to say where returns are copies of others, which folds train on; None where none are known."""
        of_what = "an earlier row, and folds test on copies of what they train on"
        return _told_of_copies(self.num_copies, "return", of_what)

    @property
    def rows(self) -> tuple[StudyRow, ...]:
        """The results; of other returns than UCI's without published figures, which earlier versions gave to all."""
        return self.results if self.settings.are_uci else tuple(replace(row, published=None) for row in self.results)


_Kind = TypeVar("_Kind", SonarMetrics, StudyRecord)


def sonar_versions(backend: str) -> dict[str, str]:
    """Versions of the libraries that make the figures; earlier versions kept those that make pixels instead."""
    return library_versions("keras", backend, "numpy", "scikit-learn", "scipy")


def write_metrics(path: Location, metrics: SonarMetrics | StudyRecord) -> None:
    """Write `metrics.json`; it comes last, so in a folder that has one everything has been written."""
    write_text(path, to_json_with_checksum(asdict(metrics)))


def load_metrics(path: Location) -> SonarMetrics | StudyRecord | None:
    """Return what `metrics.json` holds; None if there is none.

    Raises:
        RunFolderError: If it is damaged.
    """
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = from_json(StudyRecord, record) if "results" in record else from_json(SonarMetrics, record)
        check_checksum(record)
        return found
    except (ValueError, TypeError, RecursionError) as error:
        raise RunFolderError(
            f"{path} is not what score or sonar writes. Use another `output`, or `overwrite`."
        ) from error


def refuse_foreign_metrics(path: Location) -> None:
    """Refuse to replace a `metrics.json` that another program wrote; one that is damaged may be ours.

    Raises:
        RunFolderError: If it is another program's, or cannot be read.
        BucketError: If its bucket cannot be reached.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    except BucketError:
        raise
    except OSError as error:
        raise RunFolderError(f"Expected a readable {path}; {error.strerror or error}.") from error
    if is_foreign_json(text, SonarMetrics, StudyRecord):
        raise RunFolderError(
            f"Expected the metrics of an earlier score or sonar command in {path}; another program wrote them. Choose "
            "another `output`."
        )


def load_earlier_metrics(path: Location, wanted: Mapping[str, object]) -> SonarMetrics | None:
    """Return what an earlier run measured with the same settings; None if there is none.

    None as well if it does not say what model it scored with, by the model's digest, but all else is the same. The
    files beside it are not looked at.

    Args:
        path: Its `metrics.json`.
        wanted: By the name of a field, what it must hold.

    Raises:
        RunFolderError: If a field holds something else, which is named, or if the file is of another command.
    """
    return _same(path, SonarMetrics, wanted)


def load_earlier_study(path: Location, settings: StudySettings) -> StudyRecord | None:
    """Return what an earlier study with the same settings found; None if there is none.

    The files beside it are not looked at.

    Raises:
        RunFolderError: If one of them was another, which is named, or if the file is of another command.
    """
    return _same(path, StudyRecord, {field.name: getattr(settings, field.name) for field in fields(settings)})


def _same(path: Location, kind: type[_Kind], wanted: Mapping[str, object]) -> _Kind | None:
    found = load_metrics(path)
    if found is None:
        return None
    if not isinstance(found, kind):
        raise RunFolderError(f"{path} holds another command's sonar results. Use another `output`, or `overwrite`.")
    earlier = found.settings if isinstance(found, StudyRecord) else found
    for name, held, value in _compared(earlier, wanted):
        if not _is_same(name, held, value):
            if held is None and name == _ADDED_LATER:
                return None
            raise RunFolderError(
                f"{path} holds sonar results whose {name} differs: expected {_plain(held)}, received {_plain(value)}. "
                "Use another `output`, or `overwrite` to start clean."
            )
    return found


def _compared(
    earlier: SonarMetrics | StudySettings, wanted: Mapping[str, object]
) -> Iterator[tuple[str, object, object]]:
    """Yield each field with what it holds and what it must; of versions, each library that both tell of."""
    for name, value in wanted.items():
        if name == "versions" and isinstance(value, dict):
            both = (library for library in value if library in earlier.versions)
            yield from ((library, earlier.versions[library], value[library]) for library in both)
        else:
            yield name, getattr(earlier, name), value


def _is_same(name: str, held: object, value: object) -> bool:
    """Whether a field holds what it must: a model by its path, however that is spelled; some only if they are told."""
    if name in ("backend", "content_sha256") and held is None:
        return True
    if name == "model" and held is not None and value is not None:
        return is_same_place(str(held), str(value))
    return held == value


def _plain(value: object) -> object:
    return "none" if value is None else ", ".join(value) if isinstance(value, tuple) else value
