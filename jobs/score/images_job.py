"""The images half of `score`: list, place workers, hand out shards, add up."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console

from cluster.shared_files import SharedFile
from jobs.console.failures import Missing
from jobs.score.actors import place_actors, start_actors, tell_scorer
from jobs.score.early_scoring import EarlyScoring
from jobs.score.ending import Ending
from jobs.score.listing import BackgroundListing, Check, Keep, Listed, tell_listed
from jobs.score.needed_files import see_images, see_model, see_photos
from jobs.score.record_keeper import RecordKeeper, new_record
from jobs.score.request import ImagesRequest, SonarRequest
from jobs.score.settings import scorer_settings
from jobs.score.shard_loop import ShardLoop
from jobs.score.sound_shards import keep_sound_shards, renew_photos
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.milestones import Milestones


class ImagesJob:
    """Scores one collection into one run folder.

    Args:
        request: What to score.
        folder: Where to.
        console: Where to print.
        keep: Leaves some of the images out; None keeps all.
        check: Raises if the labelled images will not do.
        sonar: The returns that are told apart beside them, for the record; None if there are none.

    Raises:
        RequestError: At construction, if the request makes no sense.

    Attributes:
        keeper: Holds what `run.json` says; None until the run is known.
    """

    def __init__(
        self,
        request: ImagesRequest,
        folder: RunFolder,
        console: Console,
        keep: Keep | None = None,
        check: Check | None = None,
        sonar: SonarRequest | None = None,
    ) -> None:
        request.check()
        request.check_output(folder.path)
        self._request = request
        self._folder = folder
        self._console = console
        self._sonar = sonar.place if sonar else None
        self._listing = BackgroundListing(request, folder, keep, check)
        self.keeper: RecordKeeper | None = None

    def start_listing(self, lease: Lease, overwrite: bool = False) -> None:
        """Begin to list the images; wait a little, so that most faults surface before Ray starts.

        Args:
            lease: What this driver holds the run folder by.
            overwrite: The run folder may hold an earlier run, which `run` has removed.
        """
        self._lease = lease
        self._overwrites = overwrite
        self._listing.start(lease.fence, overwrite)

    def files(self) -> list[SharedFile]:
        """What every node must see, beside the run folder."""
        return [*see_images(self._request.images), *see_model(self._request.model)]

    def photos(self) -> list[SharedFile]:
        """Some photos that every node which is there now must have alike."""
        return see_photos(self._request.images, self._request.columns)

    def run(
        self, milestones: Milestones, needed: Sequence[SharedFile], begin: Callable[[], object] | None = None
    ) -> list[Missing]:
        """Score what is missing on the open Ray session; the images are being listed.

        Args:
            milestones: When the command got how far; what comes is set here.
            needed: What a worker must see to be built.
            begin: Called before anything is written. Where an earlier run is overwritten, it removes that, and is
                called when images and model have been found to be such as can be scored.

        Returns:
            Shards that are missing or damaged; none if every one was read again at the end, and is sound.

        Raises:
            LeaseLostError: If another driver took over.
            ModelError: If what the model gives is refused of every shard.
            IncompleteError: If other files lie among the shards at the end.
        """
        placement = place_actors(self._request, self._console)
        settings = scorer_settings(self._request, self._folder, placement, self._listing.num_images)
        settings = replace(settings, fence=self._lease.fence)
        if not self._overwrites:
            self._begin(begin)
        if settings.model.needs_sample:
            settings = replace(settings, sample=self._listing.sample())
        with start_actors(self._request, settings, placement, needed) as pool:
            if self._overwrites:
                self._listing.wait()
                pool.first_ready()
                self._begin(begin)
            early = EarlyScoring(self._request, self._folder, self._listing, self._lease)
            early.run(pool, milestones)
            listed = self._listing.result()
            tell_listed(self._console, listed)
            first = pool.first_ready()
            milestones.worker_at = milestones.worker_at or milestones.now()
            tell_scorer(self._console, first.description)
            record = new_record(self._request, settings, listed, first.description, self._sonar, early.began_at)
            self.keeper = keeper = RecordKeeper(self._folder, self._lease, record, self._console)
            loop = ShardLoop(self._folder, self._lease, keeper, self._console)
            renew_photos(self._listing, self._lease, keeper, self._console)
            loop.totals.num_changed = keeper.record.num_changed
            early.publish(settings, first.description, loop.totals, self._console)
            loop.totals.unused_gpu = first.description.unused_gpu
            loop.run(pool, keep_sound_shards(self._folder, self._lease, keeper, self._console))
        return Ending(self._folder, self._console).tell(milestones, pool, loop)

    def listed(self) -> Listed:
        """The images, now that they are."""
        return self._listing.result()

    def _begin(self, begin: Callable[[], object] | None) -> None:
        if begin:
            begin()
        self._listing.proceed()
