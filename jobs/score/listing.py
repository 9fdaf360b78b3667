"""The images of a job, listed beside the start of Ray, and their manifest."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from rich.console import Console

from jobs.score.left_out_doubts import doubt_about
from jobs.score.request import ImagesRequest
from jobs.score.same_run import record_of_same_run
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.run.earlier import all_shards_tell
from scoring.run.fence import Fence, under_fence
from scoring.run.folder import RunFolder
from scoring.run.manifest import ManifestInfo, default_shard_size, manifest_sample, write_manifest
from scoring.run.renewal import Renewal, check_place, find_renewal
from scoring.shards.image_sample import SAMPLE_SIZE
from scoring.sources.entries import ImageEntry, LeftOut, Listing, without_stamps
from scoring.sources.inputs import changes_since, find_images, other_columns
from scoring.sources.labelling import Labelled, label_by_file, label_by_table
from scoring.sources.path_labelling import label_by_path

# A small collection is listed, and its faults are told, before Ray starts; a large one while Ray starts.
_HEAD_START_S = 2.0
_LOOK_S = 5.0  # how often a listing whose job may have ended looks whether it has
Keep: TypeAlias = Callable[[Listing], Listing]  # leaves some of the images out
Check: TypeAlias = Callable[[Sequence[ImageEntry]], None]  # raises if they will not do


@dataclass(frozen=True)
class Listed:
    """What became of a collection's files.

    Attributes:
        manifest: Of those that are images to score.
        left_out: The others, by reason.
        unused: Labels without a photo.
        told: What the user may have meant otherwise by the labels, in words.
        class_numbers: See `Labelled`.
        groups: The group of each image that is of one, by its id.
    """

    manifest: ManifestInfo
    left_out: tuple[LeftOut, ...]
    unused: LeftOut | None = None
    told: tuple[str, ...] = ()
    class_numbers: Mapping[str, int | None] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


def tell_listed(console: Console, listed: Listed) -> None:
    """Say what the user may have meant otherwise: what was not looked at or may be missing, and labels of no photo."""
    for left in listed.left_out:
        if told := doubt_about(left, listed.manifest.num_images):
            console.print(f"{told}: {left.names}", style="yellow")
    if unused := listed.unused:
        console.print(f"{unused.count:,} {unused.reason}: {unused.names}", style="yellow")
    for told in listed.told:
        console.print(told, style="yellow")


def list_images(request: ImagesRequest, keep: Keep | None = None) -> Labelled:
    """Find a collection's images, with their targets where they have any.

    Args:
        request: Which images.
        keep: Leaves some of the images out; None keeps all.
    """
    found = find_images(request.images, request.columns)
    listing = keep(found) if keep else found
    if request.labels_file:
        has_both = request.columns.image_id is not None and request.columns.content is None
        place = str(request.images.absolute())
        return label_by_file(listing, request.labels_file, request.label_use, place, has_both, found)
    if request.columns.label:
        return label_by_table(listing, request.images, request.columns, request.label_use, found)
    if request.labels_from:
        others = partial(other_columns, request.images, request.columns)
        return label_by_path(listing, request.labels_from, request.label_use, found, others)
    return Labelled(listing)


class BackgroundListing:
    """Lists images in a thread, and writes their manifest.

    Args:
        request: Which images.
        folder: The run folder.
        keep: Leaves some of the images out; None keeps all.
        check: Raises if the labelled images will not do.
    """

    def __init__(
        self,
        request: ImagesRequest,
        folder: RunFolder,
        keep: Keep | None = None,
        check: Check | None = None,
    ) -> None:
        keep_pandas_from_pyarrow()
        self._request = request
        self._folder = folder
        self._keep = keep
        self._check = check
        self._listed: Future[Listed] = Future()
        self._renewal: Renewal | None = None
        self._overwrites = False
        self._sample: tuple[ImageEntry, ...] = ()
        self._num_images: int | None = None
        self._is_ready, self._may_write = threading.Event(), threading.Event()

    def start(self, fence: Fence, overwrite: bool = False) -> None:
        """Begin; wait a little, so that most faults surface before Ray starts.

        Args:
            fence: Keeps a driver that has lost its lease from writing a manifest.
            overwrite: Do not look at the earlier run in the folder, and write no manifest before `proceed`.
        """
        self._overwrites = overwrite
        # A daemon, not an executor's thread: Ctrl-C need not wait for the end of a long listing.
        threading.Thread(target=self._list, args=(fence,), name="listing", daemon=True).start()
        if self._is_ready.wait(_HEAD_START_S):
            self.wait()

    def wait(self) -> None:
        """Wait until all is listed and checked; raises as `result` does."""
        self._is_ready.wait()
        if self._listed.done():
            self._listed.result()

    def sample(self) -> tuple[ImageEntry, ...]:
        """Wait as `wait` does; return some of the images, while the manifest is still that of an earlier run.

        Without such a run wait for the manifest, and leave it to the model to take some from there.
        """
        if self._overwrites:
            self.wait()
        else:
            self.result()
        return self._sample

    def proceed(self) -> None:
        """Let the manifest be written, now that the earlier run is removed."""
        self._may_write.set()

    def result(self) -> Listed:
        """Wait for the manifest, or for what it will say once it is renewed, and for what is not in it.

        Raises:
            ImagesError: If there are no images, or not such as were asked for.
            RunFolderError: If the folder holds another run, by what is known so far.
            LeaseLostError: If another driver took over.
        """
        return self._listed.result()

    def renew(self, fence: Fence, note: Callable[[int, bool], object]) -> int:
        """Have photos that changed since an earlier invocation scored again, now that the run is to be continued.

        Args:
            fence: Of the driver that holds the run folder.
            note: See `Renewal.carry_out`.

        Returns:
            How many of them had been scored.

        Raises:
            LeaseLostError: If another driver took over.
        """
        self.result()
        return self._renewal.carry_out(self._folder, fence, note) if self._renewal else 0

    @property
    def is_done(self) -> bool:
        """Whether the manifest is there, or something came between."""
        return self._listed.done()

    @property
    def has_failed(self) -> bool:
        """Whether something came between: `result` raises it."""
        return self._listed.done() and self._listed.exception() is not None

    @property
    def goes_by_rows(self) -> bool:
        """Whether a table's rows alone say which images there are, and an earlier run need not make way for them."""
        return not (self._keep or self._check or self._request.truth or self._overwrites)

    @property
    def num_images(self) -> int | None:
        """How many there are; None while they are being listed."""
        return self._num_images

    @property
    def is_renewed_by_time(self) -> bool:
        """See `Renewal.is_by_time`."""
        return self._renewal is not None and self._renewal.is_by_time

    def _list(self, fence: Fence) -> None:
        try:
            self._listed.set_result(self._write_manifest(fence))
        except BaseException as error:  # noqa: BLE001  # raised where the listing is waited for
            self._listed.set_exception(error)
        finally:
            self._is_ready.set()

    def _write_manifest(self, fence: Fence) -> Listed:
        labelled = list_images(self._request, self._keep)
        listing, images = labelled.listing, labelled.listing.images
        self._num_images = len(images)
        if self._check:
            self._check(images)
        groups = (
            {} if not self._request.group_column else {image.image_id: image.group for image in images if image.group}
        )
        shard_size = self._request.shard_size or default_shard_size(len(images))
        if self._overwrites and self._request.model.needs_sample:
            self._sample = tuple(manifest_sample(images, SAMPLE_SIZE))
        look = partial(self._find_renewal, images, shard_size, listing.num_left_out)
        self._renewal = None if self._overwrites else look()
        if self._renewal:
            self._check_earlier(images, self._renewal.info.digest)
            info = self._renewal.info
            return Listed(info, listing.left_out, labelled.unused, labelled.told, labelled.class_numbers, groups)
        check: Callable[[str], object] = partial(self._check_earlier, images)
        if self._overwrites:
            check = partial(self._wait_for_removal, fence)
        tell = self._overwrites or all_shards_tell(self._folder)
        written = images if tell else without_stamps(images)
        with under_fence(fence):
            info = write_manifest(self._folder.manifest, written, shard_size, listing.num_left_out, check=check)
        self._renewal = None if tell else look()
        return Listed(info, listing.left_out, labelled.unused, labelled.told, labelled.class_numbers, groups)

    def _find_renewal(self, images: Sequence[ImageEntry], shard_size: int, num_left_out: int) -> Renewal | None:
        changes = partial(changes_since, self._request.images, self._request.columns)
        return find_renewal(self._folder, images, shard_size, num_left_out, changes)

    def _check_earlier(self, images: Sequence[ImageEntry], digest: str) -> None:
        """Refuse a folder that holds another run, by what is known so far."""
        record = record_of_same_run(self._request, self._folder, images, digest)
        check_place(self._folder, record, self._renewal, images, self._request.images)

    def _wait_for_removal(self, fence: Fence, digest: str) -> None:  # noqa: ARG002
        """Wait for `proceed`, as long as the job goes on."""
        self._is_ready.set()
        while not self._may_write.wait(_LOOK_S):
            fence.check()
