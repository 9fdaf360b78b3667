"""List the files of a collection that are images: a table column by column where it can be, all else file by file."""

from collections.abc import Iterator, Sequence
from functools import partial

from scoring.sources.entries import FoundFile, ImageEntry, ImageSource
from scoring.sources.folder_images import FolderSource
from scoring.sources.image_finder import Account, ImageFinder, Reason, judge_name
from scoring.sources.listing import list_entries
from scoring.sources.suffixes import is_tar
from scoring.sources.table_folder import is_part
from scoring.sources.table_images import TableSource
from scoring.sources.table_listing import NotByColumn, list_inventory, list_table


def list_images(source: ImageSource) -> tuple[Sequence[ImageEntry], Account]:
    """The images of a collection, and the account of what is left out.

    Raises:
        ImagesError: If it is damaged.
        StorageError: If there is no room to sort the list or to unpack an archive, or the bucket cannot be reached.
    """
    try:
        return _list_by_column(source)
    except NotByColumn:
        return _list_by_row(source)


def _list_by_column(source: ImageSource) -> tuple[Sequence[ImageEntry], Account]:
    """The images of a table, and the account of what is left out; raises NotByColumn at all other collections."""
    if not isinstance(source, TableSource):
        raise NotByColumn
    account = _beside_table(source)
    if source.holds_only_images:
        return list_table(source.batches(), source.keeps_order), account
    finder = ImageFinder(source.peek, account)
    return list_inventory(source.batches(), finder, partial(account.leave_out, Reason.REPLACED)), account


def _list_by_row(source: ImageSource) -> tuple[Sequence[ImageEntry], Account]:
    account = _beside_table(source) if isinstance(source, TableSource) else Account()
    if source.holds_only_images:
        return list_entries(source.files(), source.keeps_order), account
    found = _found(source, account)

    def replaced(path: str) -> None:
        if isinstance(source, FolderSource):
            source.refuse_repeated(path)
        account.leave_out(Reason.REPLACED, path)

    return list_entries(found, replaced=replaced), account


def _beside_table(source: TableSource) -> Account:
    """What lies beside the parts of a table in its folder; images there do not count where its rows may name them."""
    account, folder = Account(), FolderSource(source.table)
    if source.table.is_dir():
        others = (file for file in folder.files() if not is_part(file.path))
        account.count_absent(source.part_names)
    else:
        others = (FoundFile(name, 0) for name in source.hidden_parts)
    for link in source.linked_parts:
        account.leave_out(Reason.LINK, link)
    for image in ImageFinder(folder.peek, account).images(others):
        if source.keeps_order:
            account.leave_out(Reason.BESIDE, image.path)
    return account


def _found(source: ImageSource, account: Account) -> Iterator[FoundFile]:
    """The images among a source's files; if a folder has none, those in its tar files."""
    finder, tars, is_empty = ImageFinder(source.peek, account), list[FoundFile](), True
    follows_tars = isinstance(source, FolderSource)

    def others() -> Iterator[FoundFile]:
        for file in source.files():
            if follows_tars and is_tar(file.path) and judge_name(file.path) is Reason.ARCHIVE and not file.left_out:
                tars.append(file)
            else:
                yield file

    for image in finder.images(others()):
        is_empty = False
        yield image
    if is_empty and isinstance(source, FolderSource):
        account.count_absent(tar.path for tar in tars)
        yield from finder.images(source.members(tars))
    else:
        for tar in tars:
            account.leave_out(Reason.ARCHIVE, tar.path)
