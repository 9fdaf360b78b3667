"""Images in a zip as Kaggle ships it, local or in a bucket: read in place, in a folder or a zip within the zip too."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from scoring.errors import ChangedError, ImagesError
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, ImageSource
from scoring.sources.image_finder import Account, ImageFinder, Reason, judge
from scoring.sources.packing import is_compressed, kind_of, way_to_read
from scoring.sources.suffixes import is_tar, is_zip
from scoring.sources.tar_images import TarSource
from scoring.sources.zip_directory import ZipDirectory
from scoring.sources.zip_names import plain_path
from scoring.storage.locations import Location
from scoring.storage.reach import refuse_absent
from scoring.storage.reading import Place
from scoring.storage.walking import Fault
from scoring.storage.write_times import is_written_since
from scoring.storage.zips import holds_zip

_DEEPEST = 3  # zips within zips
_NAMED = 10  # folders and archives in a message


class ZipSource:
    """A zip of images, or one without images that holds one archive, as Kaggle sends a competition's data.

    Args:
        archive: The zip.
        depth: How many zips it lies in.
        origin: The outermost of these; None if there is none.
        folder: Where in the zip to look; all of it if empty.
    """

    holds_only_images = False
    keeps_order = False

    def __init__(self, archive: Place, depth: int = 0, origin: Place | None = None, folder: str = "") -> None:
        self._archive = archive
        self._depth = depth
        self._origin = origin or archive
        self._inside = f"{folder}/" if folder else ""

    def check(self) -> None:
        """See `ImageSource`."""
        if not self._is_zip():
            advice = way_to_read(self._archive, kind=None)
            raise ImagesError(f"Expected `images` to be a zip; {self._archive} is not a zip.{advice}")

    def _is_zip(self) -> bool:
        try:
            return holds_zip(self._archive)
        except ChangedError:
            raise
        except OSError as error:
            refuse_absent(self._archive, error)
            raise ImagesError(f"Cannot read {self._archive}: {error.strerror or error}.") from error

    def member(self, path: str) -> ImageSource:
        """The images in a folder or an archive within the zip, whose content tells its kind.

        Raises:
            ImagesError: If the zip has none of that name, or it is neither a zip nor a tar.
        """
        archives = self._archives()
        path = self._as_held(path, archives)
        if path not in archives:
            return self._folder(path, archives)
        if self._depth == _DEEPEST:  # there are zips that hold themselves
            raise ImagesError(f"Expected zips within zips at most {_DEEPEST} deep; {self._archive} holds {path}.")
        place = self._directory.place_of(path)
        kind = kind_of(place) or ("zip" if is_zip(path) else "tar")
        if kind == "zip":
            return ZipSource(place, self._depth + 1, self._origin)
        if kind == "tar" or is_compressed(kind):
            return TarSource({path.encode(): place}, self._origin)
        raise ImagesError(f"Expected a zip or a tar; {path} in {self._archive} is a file of kind {kind}.")

    def way_to(self, location: Location, archive: str) -> Location | None:
        """How to name an archive that is listed; None for one within a tar, which no name is for.

        Args:
            location: How the zip was named, or the folder in it.
            archive: Its path, as it is listed.
        """
        for _ in filter(None, plain_path(self._inside).split("/")):
            location = location.parent
        if self._only_member is None:
            return location / plain_path(archive)
        if isinstance(self._only_member, ZipSource):
            return self._only_member.way_to(location / plain_path(self._archives()[0]), archive)
        return None

    def _as_held(self, path: str, archives: Sequence[str]) -> str:
        """A path, or the archive that it leads into, as the zip spells it: with a Mac's accents, or `./` before it."""
        folders = dict.fromkeys(file.path.rpartition("/")[0] for file in self._directory.files())
        steps = (folder.split("/") for folder in folders)
        above = dict.fromkeys("/".join(one[:depth]) for one in steps for depth in range(1, len(one) + 1))
        zips = [archive for archive in archives if is_zip(archive)]
        if path in above or path in archives or any(path.startswith(f"{archive}/") for archive in zips):
            return path
        for held in (*archives, *above):
            if plain_path(path) == plain_path(held):
                return held
        for held in zips:
            if plain_path(path).startswith(f"{plain_path(held)}/"):
                return held + plain_path(path).removeprefix(plain_path(held))
        return path

    def _folder(self, path: str, archives: Sequence[str]) -> ImageSource:
        """The images in a folder, or in what one of the archives has there."""
        above = next((archive for archive in archives if path.startswith(f"{archive}/") and is_zip(archive)), None)
        if above is not None:
            inner = self.member(above)
            if isinstance(inner, ZipSource):
                return inner.member(path.removeprefix(f"{above}/"))
            raise ImagesError(f"Expected a zip to find {path} in; {above} in {self._archive} is a tar. Name all of it.")
        files = [file for file in self._directory.files() if file.left_out is not Fault.SEARCHED]
        if not any(file.path.startswith(f"{path}/") for file in files):
            raise self._no_folder(path, files, archives)
        return ZipSource(self._archive, self._depth, self._origin, path)

    def _no_folder(self, path: str, files: Sequence[FoundFile], archives: Sequence[str]) -> ImagesError:
        """What to raise for a path that is no folder; its text says what is there instead."""
        expected = f"Expected a folder, or a .zip or .tar, called {path} in {self._archive}"
        steps = f"{plain_path(path)}/"
        for link, folder in self._directory.linked_folders.items():
            if steps.startswith(f"{plain_path(link)}/"):
                return ImagesError(f"{expected}; {link} there is a link to {folder}. Name that instead.")
        if file := next((file for file in files if steps.startswith(f"{plain_path(file.path)}/")), None):
            return ImagesError(f"{expected}; {file.path} there is {_kind(file)}")
        folders = (plain_path(file.path).partition("/") for file in files)
        names = dict.fromkeys(f"{name}/" for name, slash, _ in folders if slash)
        held = ", ".join([*names, *archives][:_NAMED]) or "neither folders nor archives"
        return ImagesError(f"{expected}, which holds {held}.")

    def files(self) -> Iterator[FoundFile]:
        """The files in the zip; or of the only archive in it, and what lies beside that."""
        if self._only_member is None:
            yield from self._files_here()
            return
        (archive,) = self._archives()
        for file in self._files_here():
            if file.path != archive:
                reason = judge(file)
                yield replace(file, left_out=Reason.NOT_AN_IMAGE if reason is Reason.UNCLEAR else reason)
        yield from self._only_member.files()

    def _files_here(self) -> Iterator[FoundFile]:
        files = self._directory.files()
        if not self._inside:
            return files
        named = len(self._inside)
        return (replace(file, num_named=named) for file in files if file.path.startswith(self._inside))

    def peek(self, file: FoundFile, length: int) -> bytes:
        """See `ImageSource`."""
        if self._only_member is not None:
            return self._only_member.peek(file, length)
        return self._directory.peek(file.path, length)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        if self._only_member is not None:
            return self._only_member.open()
        return lambda image: self._directory.read(image.path, image.stamp)

    def changes_since(self, since: float) -> Callable[[ImageEntry], bool]:
        """See `ImageSource`."""
        is_written = is_written_since(self._origin, since)
        return lambda image: is_written

    @cached_property
    def _directory(self) -> ZipDirectory:
        return ZipDirectory(self._archive)

    @cached_property
    def _only_member(self) -> ImageSource | None:
        """The only archive in a zip without images."""
        found = ImageFinder(lambda file, length: self._directory.peek(file.path, length), Account())
        if next(found.images(self._files_here()), None) is not None:
            return None
        archives = self._archives()
        return self.member(archives[0]) if len(archives) == 1 else None

    def _archives(self) -> list[str]:
        found = (file.path for file in self._files_here() if judge(file) is Reason.ARCHIVE)
        return [path for path in found if is_zip(path) or is_tar(path)]


def _kind(file: FoundFile) -> str:
    """What a file is that holds no images, and what to do with it, as the end of a message."""
    reason = judge(file)
    if reason is Reason.PACKED:
        return f"{reason}. Unpack it, and name its folder."
    return "an image. Name its folder." if reason is None else "a file that holds none. Name another place."
