"""The scale of the pixels that a model was trained on, as users say it, and what is told where they say nothing."""

from cluster.notices import notice
from jobs.console.arguments import choice
from scoring.networks.keras_names import keras_place
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.unscaled_pixels import unscaled_kernel
from scoring.storage.locations import machine_path


class PixelsWarning(UserWarning):
    """Pixels reach a network as they are, which its training may have scaled; its text is one line for the user."""


def pixel_scale(told: PixelScale | str | None, model: str) -> PixelScale:
    """The scale that is told, or 0 to 255: with a warning where nothing in the model's file scales them.

    Args:
        told: The user's word; None where there is none.
        model: A model's or a network's name. A file that is elsewhere is not asked.

    Raises:
        RequestError: If it is no scale.
    """
    if told is not None:
        return choice(told, PixelScale, "pixels")
    if kernel := _unscaled_kernel(model):
        notice(
            f"nothing in {model} scales pixels before its layer {kernel}, and it is given 0 to 255. If it was trained "
            "on others, such as 0 to 1 by `rescale=1/255`, or behind `preprocess_input`, name them with `pixels`; "
            "`pixels` 0..255 says that these are right.",
            PixelsWarning,
        )
    return PixelScale.UNCHANGED


def _unscaled_kernel(model: str) -> str | None:
    if not model.endswith(".keras"):
        return None
    place = keras_place(model)
    path = machine_path(place) if place else None
    return unscaled_kernel(path) if path and path.is_file() else None
