"""Where a command may write one file: in the place of none that it reads, nor of what a run or model is made of."""

from collections.abc import Mapping

from scoring.errors import RequestError
from scoring.models.model_folder import ModelFolder
from scoring.run.folder import RunFolder
from scoring.storage.locations import Location, lies_in


def check_output(output: Location, folder: Location, default: Location, inputs: Mapping[str, Location | None]) -> None:
    """Refuse an output that would replace something, or would lie among a run's shards.

    Args:
        output: The file to write.
        folder: The run or model folder that it tells of.
        default: Where it goes if no other place is named.
        inputs: What else the command reads, by the user's field; None where nothing is named.

    Raises:
        RequestError: If it is or lies in one of the places of the folder, or is one of the inputs.
    """
    places = [*RunFolder(folder).all_places, *ModelFolder(folder).all_places]
    if any(lies_in(output, place) for place in places if place != default):
        raise RequestError(
            f"Expected `output` outside of what {folder} is made of; received {output}. Leave it out for {default}, or "
            "name another file."
        )
    for field, location in inputs.items():
        if location is not None and lies_in(location, output):
            told = f"by default it is {output}" if output == default else f"received {output} for both"
            raise RequestError(
                f"Expected `output` to be another file than `{field}`, which it would replace; {told}. Name another "
                "file as `output`."
            )
