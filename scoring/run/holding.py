"""Hold a run folder for writing: create it or go on with the run in it, and keep other drivers out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from scoring.errors import LeaseLostError, RunFolderError, StorageError
from scoring.run.fence import Fence, under_fence
from scoring.run.folder import RunFolder
from scoring.run.json_fields import is_foreign_json
from scoring.run.lease import Lease, hold_lease
from scoring.run.manifest import is_foreign_manifest
from scoring.run.reader import foreign_files
from scoring.run.record import RunRecord
from scoring.storage.durable import (
    make_folder,
    read_faults,
    refuse_link,
    remove_file,
    remove_temporaries,
    remove_tree,
    storage_faults,
)
from scoring.storage.locations import Location, lies_in
from scoring.storage.walking import is_hidden


@contextmanager
def hold_folder(folder: RunFolder, beside: Sequence[Location] = ()) -> Iterator[Lease]:
    """Create the folder or go on with the run in it, and keep other drivers out while the block runs.

    What killed workers left half-written is removed, before and after.

    Args:
        folder: The run's.
        beside: Other folders that its driver and workers write into.

    Raises:
        RunFolderError: If it holds files that no run wrote, or another driver holds it.
        LeaseLostError: At the end of the block, if another driver took over; it stands for any other fault then.
        StorageError: If it cannot be written.
    """
    refuse_foreign_files(folder)
    with storage_faults(folder.path):
        make_folder(folder.path)
    with hold_lease(folder.lease) as lease:
        try:
            with storage_faults(folder.path), under_fence(lease.fence):
                make_folder(folder.predictions)
                _remove_temporaries(folder, beside)
            yield lease
            lease.fence.check()
        except LeaseLostError:
            raise
        except Exception:
            lease.fence.check()  # files that another driver removed or replaced are not what is wrong
            raise
        finally:
            with suppress(LeaseLostError, StorageError), storage_faults(folder.path):  # else they are another driver's
                lease.fence.check()
                _remove_temporaries(folder, beside)


def remove_earlier_run(folder: RunFolder, fence: Fence) -> None:
    """Remove all that commands wrote into a folder that is held, when nothing is left that could refuse the new run.

    Raises:
        RunFolderError: If something else lies among the shards; then nothing is removed.
        LeaseLostError: If another driver took over; it removes nothing more.
        StorageError: If something cannot be removed, or a folder is a link; then nothing is.
    """
    _refuse_strangers(folder)
    places = [place for place in folder.all_places if place != folder.lease]
    with storage_faults(folder.path), under_fence(fence):
        for place in places:
            refuse_link(place)
        for place in reversed(places):  # folders first: while one stays, its record does
            remove_tree(place) if place.is_dir() else remove_file(place)
        make_folder(folder.predictions)


def refuse_to_remove(inputs: Mapping[str, Location], places: Iterable[Location]) -> None:
    """Refuse a command that would remove what it reads.

    Args:
        inputs: What it reads, by the user's field.
        places: What `overwrite` removes.

    Raises:
        RunFolderError: If an input is one of the places, or lies in one.
    """
    for field, location in inputs.items():
        for place in places:
            if lies_in(location, place):
                raise RunFolderError(
                    f"`overwrite` would remove `{field}` {location}, which is part of the earlier run or model in "
                    "`output`. Copy it to another folder first, or choose another `output`."
                )


def refuse_foreign_files(folder: RunFolder) -> None:
    """Raise RunFolderError unless a place is free, or holds what runs leave there.

    Raises:
        StorageError: If it cannot be looked at now.
    """
    path = folder.path
    with read_faults(path):
        if not path.exists():
            return
        if not path.is_dir():
            raise RunFolderError(f"Expected `output` to be a folder; {path} is a file.")
        has_record, has_manifest = folder.record.is_file(), folder.manifest.is_file()
    if has_record and is_foreign_json(folder.read_record() or "", RunRecord):
        raise _foreign(folder.record)
    if has_manifest and is_foreign_manifest(folder.manifest):
        raise _foreign(folder.manifest)
    _refuse_strangers(folder)
    if not has_record and not has_manifest:
        foreign = sorted(names_for_people(path) - {place.name for place in folder.all_places})
        if foreign:
            raise RunFolderError(
                f"Expected `output` to be a new folder or an earlier run; {path} holds {foreign[0]} and no run.json. "
                "Choose another folder."
            )


def names_for_people(folder: Location) -> set[str]:
    """Names of what lies in a folder, without what is hidden or a system makes by itself: lost+found, .DS_Store.

    What begins with an underscore counts: it is of a table that another program writes.
    """
    names = (entry.name for entry in folder.iterdir())
    return {name for name in names if name.startswith("_") or not is_hidden(name)}


def _foreign(place: Location) -> RunFolderError:
    return RunFolderError(
        f"Expected `output` to be a new folder or an earlier run; {place} is another program's. Choose another folder."
    )


def _refuse_strangers(folder: RunFolder) -> None:
    if strangers := folder.strangers():
        raise foreign_files(folder, strangers)


def _remove_temporaries(folder: RunFolder, beside: Sequence[Location]) -> None:
    for place in (folder.path, folder.predictions, folder.sonar, *beside):
        remove_temporaries(place)
