"""Which kind of model `model` names."""

from scoring.errors import ModelError
from scoring.models.cats_and_dogs import CatsAndDogs
from scoring.models.finetuned_folder import FinetunedFolder
from scoring.models.keras_file import KerasFile
from scoring.models.model_folder import ModelFolder
from scoring.models.model_kind import NOTHING_TOLD, ModelKind, Untold
from scoring.models.published_network import PublishedNetwork, is_published
from scoring.networks.applications import CATS_DOGS, applications_like
from scoring.networks.hubs.registry import is_on_hub
from scoring.networks.keras_folders import refuse_keras_folder
from scoring.networks.other_formats import is_of_other_format, refuse_other_format
from scoring.storage.locations import Location, locate

VGG16_IMAGENET = "vgg16-imagenet"
VGG16_CATS_DOGS = "vgg16-cats-dogs"


# Fields that belong to `.keras` files alone, and the word for what is known of other models.
_OF_KERAS_FILES = {"outputs": "outputs", "output_name": "outputs", "size": "pixels", "pixels": "pixels"}


def kind_of(model: str, weights: str | None, labels: str | None, told: Untold = NOTHING_TOLD) -> ModelKind:
    """Decide which kind of model is named.

    Args:
        model: A published network's name, a path, an object's URL in a bucket, or a hub's name.
        weights: What was said of its weights, if anything.
        labels: What was said of its labels, if anything.
        told: What was said of a `.keras` file, if anything.

    Raises:
        ModelError: If it is of no kind, or a field that was said belongs to another kind.
    """
    if is_on_hub(model):
        return KerasFile(model, weights, labels, told)
    location = locate(model)
    if location.suffix == ".keras" and not location.is_dir():
        return KerasFile(model, weights, labels, told)
    published = is_published(model)
    if not published:
        _check_format(location)
    for field, what in _OF_KERAS_FILES.items():
        if getattr(told, field) != getattr(NOTHING_TOLD, field):
            raise ModelError(f"`{field}` belongs to .keras files; the {what} of {model} are known. Leave it out.")
    if published:
        return (CatsAndDogs if model.endswith(CATS_DOGS) else PublishedNetwork)(model, weights, labels)
    if location.is_dir():
        return FinetunedFolder(ModelFolder(location), weights, labels)
    if location.name != model and not location.exists():
        place = location.absolute()
        raise ModelError(
            f"Expected `model` to be a folder written by finetune, or a .keras file; {place} does not exist."
        )
    raise ModelError(
        f"Expected `model` to be {VGG16_IMAGENET}, {VGG16_CATS_DOGS}, another classifier of keras.applications"
        f"{_nearest(model)}, a .keras file, here or on a hub, or a folder written by finetune; received {model!r}."
    )


def _check_format(location: Location) -> None:
    """Say how models of other formats become `.keras` files, and what to name of a folder that holds one."""
    if is_of_other_format(location) and not location.is_dir():
        refuse_other_format(location, "`model`")
    if location.is_dir() and not ModelFolder(location).is_ours:
        refuse_keras_folder(location, "`model`")


def _nearest(name: str) -> str:
    """Names that are spelled much like this one."""
    near = applications_like(name)
    return f" ({', '.join(near)})" if near else ""
