"""What a model was trained on, and how, as parts of its report."""

from dataclasses import asdict

from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.models.training_record import TrainingData, TrainingRecord
from scoring.report.facts import agreement_row, label_names, time_blocks
from scoring.report.parts import Block, Facts
from scoring.report.text import count, short_digest
from scoring.run.record import RunRecord
from scoring.run.wording import plural


def training_blocks(training: TrainingRecord, features: RunRecord | None) -> list[Block]:
    """All that shaped a model, and how its features were extracted, where these are still there."""
    data, base = training.data, training.base
    facts = [
        ("photos", training.images),
        ("labels", label_names(training.labels)),
        ("trained on", plural(data.num_train, "photo")),
        ("validated on", f"{plural(data.num_validation, 'photo')}{_chosen_by(training)}"),
        ("folds", folds_in_words(data)),
        *_related_rows(data),
        ("unreadable", plural(data.num_errors, "photo")),
        ("resize", training.resize_mode.value),
        ("base network", base.request.name),
        ("features of layer", base.request.layer or "the last one below the head"),
        ("base's digest", short_digest(base.digest)),
        *([("engine", training.engine)] if training.engine else []),
        ("precision", training.precision),
        *agreement_row(training.agreement),
        ("pooling", str(base.request.views or "one")),
        ("mirror images", "yes" if training.sees_mirrored else "no"),
        ("heads", f"{len(training.heads)}, averaged" if len(training.heads) > 1 else "one"),
        *_head_rows(training.settings),
        ("versions", ", ".join(f"{name} {version}" for name, version in training.versions.items())),
    ]
    blocks: list[Block] = [Facts("What was trained, and on what", facts)]
    if features is None:
        return blocks
    return [*blocks, *time_blocks(features.work, "Extraction of features: the largest invocation")]


def _head_rows(settings: HeadSettings) -> list[tuple[str, str]]:
    """How heads were trained, by the settings that such heads go by."""
    told = {"kind": settings.kind} if settings.kind is HeadKind.RBF else asdict(settings)
    return [(name.replace("_", " "), str(value)) for name, value in told.items()]


def _related_rows(data: TrainingData) -> list[tuple[str, str]]:
    """How many photos are copies, and what tells groups; whether what is validated on was trained on by either."""
    copies, seen = plural(data.num_copies, "photo"), count(data.num_seen)
    if data.group_column is None:
        return [("copies of others", f"{copies}, {seen} validated on and trained on")]
    return [
        ("copies of others", copies),
        ("groups", f"by {data.group_column}; validated on of groups or copies trained on: {seen}"),
    ]


def _chosen_by(training: TrainingRecord) -> str:
    """What decided which photos validate, where the record tells it."""
    if training.data.is_cross_validated or training.data.is_drawn:
        return f", stratified, seed {training.split_seed}"
    return "" if training.data.is_drawn is None else ", those of the validation folder"


def folds_in_words(data: TrainingData) -> str:
    """How many folds there are, and how often they were drawn."""
    if not data.num_folds:
        return "none"
    return f"{data.num_folds} folds" + (f", drawn {data.num_draws} times" if data.num_draws > 1 else "")
