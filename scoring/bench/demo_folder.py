"""The folder of a demo: whose it is, and who writes it now."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.errors import RunFolderError
from scoring.run.fence import under_fence
from scoring.run.folder import RunFolder
from scoring.run.holding import names_for_people
from scoring.run.lease import hold_lease
from scoring.storage.durable import make_folder, storage_faults, write_text

_MARK = "made-by-demo.txt"


@contextmanager
def hold_demo_folder(folder: Path) -> Iterator[None]:
    """Take a folder that is empty, or an earlier demo's own, and keep other demos out while the block runs.

    Photos are drawn over others there, and a model is replaced.

    Raises:
        RunFolderError: If it holds files of others, or another demo writes it; then nothing in it is touched.
        LeaseLostError: If another demo took over; this one writes nothing more.
        StorageError: If it cannot be written.
    """
    with storage_faults(folder):
        make_folder(folder)
        is_ours = (folder / _MARK).is_file()
        if not is_ours and names_for_people(folder):
            raise RunFolderError(
                f"Expected an empty folder as `output`, or an earlier demo's, which has {_MARK}; {folder} holds files "
                "without it, which the demo would overwrite. Use another `output`, or remove that folder."
            )
    if not is_ours:
        write_text(folder / _MARK, "All of this folder was made by `shardscore demo`, which makes it anew.\n")
    with hold_lease(RunFolder(folder).lease) as lease, under_fence(lease.fence):
        yield
