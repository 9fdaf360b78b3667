"""How many pixels a network takes of an image."""

from collections.abc import Sequence
from dataclasses import dataclass

IMAGE_SIZE = 224  # pixels a side; Simonyan and Zisserman, arXiv:1409.1556, section 2.1


@dataclass(frozen=True)
class InputShape:
    """Pixels of one image as a network takes them.

    Attributes:
        height: Rows.
        width: Columns.
        channels: 3 for RGB, 1 for luminance.
    """

    height: int = IMAGE_SIZE
    width: int = IMAGE_SIZE
    channels: int = 3

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"

    @classmethod
    def parse(cls, text: str) -> "InputShape":
        """Read what `str` wrote, such as `224x224x3`."""
        return cls(*map(int, text.split("x")))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def turned(self) -> "InputShape":
        """The same with height and width exchanged, for a picture that lies on its side."""
        return InputShape(self.width, self.height, self.channels)

    def as_array(self, *leading: int) -> tuple[int, ...]:
        """The shape of an array of such images, shape (*leading, height, width, channels)."""
        return (*leading, self.height, self.width, self.channels)


DEFAULT_SHAPE = InputShape()


def filled(shape: Sequence[int | None]) -> InputShape:
    """The shape of these three sides, height, width and channels; VGG16's stand in for those that are None."""
    height, width, channels = (
        default if own is None else own for own, default in zip(shape, DEFAULT_SHAPE.as_array(), strict=True)
    )
    return InputShape(height, width, channels)


def size_text(size: tuple[int, int]) -> str:
    """Height and width, in pixels, as users write them: `224x224`."""
    return "x".join(map(str, size))
