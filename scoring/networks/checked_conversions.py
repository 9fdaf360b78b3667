"""A network converted for another library, and held against Keras', by the first process on a machine that needs it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.arrays import Float32Array, UInt8Array
from scoring.networks.company import TRIED, note_change_below
from scoring.networks.conversion_check import check_conversion
from scoring.networks.conversions import conversion_folder, made_once, note_last_activation
from scoring.networks.engines import EngineName, Network
from scoring.networks.keras_engine import takes_uint8

if TYPE_CHECKING:
    import keras


def checked_conversion(
    network: Network,
    engine: EngineName,
    library: str,
    convert: Callable[["keras.Model", Path], Callable[[UInt8Array], Float32Array]],
) -> Path:
    """The folder of a network in a library's format, with notes of what the format does not tell.

    Args:
        network: The network.
        engine: The engine that runs it.
        library: The engine's library, with its version.
        convert: Writes a model that takes uint8 into a folder, and returns what scores by what it wrote.

    Raises:
        ModelError: If the library cannot run the network, or gives other numbers than Keras.
        StorageError: If its files cannot be written to the disk.
    """
    folder = conversion_folder(network.digest, f"{library}-{TRIED}")
    with made_once(folder) as temporary:
        if temporary:
            model = network.build()
            from_uint8 = takes_uint8(model)
            convert_again = partial(convert, from_uint8)
            score = convert_again(temporary)
            note_last_activation(model, temporary)
            check_conversion(engine, from_uint8, score, convert_again)
            if not network.is_published:
                note_change_below(from_uint8, temporary)
    return folder
