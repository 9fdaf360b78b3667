"""The scale of the pixels that a model was trained on, as users say it, and what its file tells of that."""

from cluster.notices import notice
from jobs.console.arguments import choice
from scoring.networks.keras_names import keras_file_here
from scoring.networks.own_scaling import dividing_layer, unscaled_kernel
from scoring.networks.pixel_scales import PixelScale


class PixelsWarning(UserWarning):
    """Pixels may reach a network in another scale than in its training; its text is one line for the user."""


def pixel_scale(told: PixelScale | str | None, model: str) -> PixelScale:
    """The scale that is told, or 0 to 255: with a warning where the model's file scales them as well, or nothing does.

    Args:
        told: The user's word; None where there is none.
        model: A model's or a network's name. A file that is elsewhere is not asked.

    Raises:
        RequestError: If it is no scale.
    """
    file = keras_file_here(model)
    if told is not None:
        scale = choice(told, PixelScale, "pixels")
        if scale is not PixelScale.UNCHANGED and file and (layer := dividing_layer(file)):
            notice(
                f"{model} scales pixels of 0 to 255 itself, in its layer {layer}, and `pixels` {scale} scales them "
                "before that. Leave `pixels` out, unless both were done in its training, too.",
                PixelsWarning,
            )
        return scale
    if file and (kernel := unscaled_kernel(file)):
        notice(
            f"nothing in {model} scales pixels before its layer {kernel}, and it is given 0 to 255. If it was trained "
            "on others, such as 0 to 1 by `rescale=1/255`, or behind `preprocess_input`, name them with `pixels`; "
            "`pixels` 0..255 says that these are right.",
            PixelsWarning,
        )
    return PixelScale.UNCHANGED
