"""List the members of one tar file by their headers, links included."""

import tarfile
from collections.abc import Iterator
from itertools import starmap
from typing import BinaryIO

from scoring.errors import BucketError, ImagesError
from scoring.pixels.formats import HEAD_BYTES
from scoring.sources.entries import FoundFile, readable_bytes
from scoring.sources.image_finder import Reason, judge_name
from scoring.sources.links import beside, folders_above, link_ends, member_name
from scoring.sources.packing import kind_of, way_to_read
from scoring.sources.tar_headers import TarHeaders, end_of, is_folder, raw_name
from scoring.storage.reading import Place, open_file
from scoring.storage.walking import Fault

_CONTINUED = b"M"  # a member that began in another volume; GNU tar's manual, "Multi-Volume Archives"
_CONTINUED_PAX = "GNU.volume.filename"  # the same in pax
_UNPACK_VOLUMES = "unpack all of them at once, as `tar -xM -f 1.tar -f 2.tar`."
_NO_MEMBERS_BYTES = 2 * tarfile.BLOCKSIZE  # POSIX.1-2017, pax, "ustar Interchange Format"
_HEADER_BYTES = 16 * 1024  # fetched at a time from a bucket: of each photo its header and little more


def list_members(archive: Place, name: bytes) -> Iterator[FoundFile]:
    """The files in a tar.

    Args:
        archive: The tar itself.
        name: What the paths of its members begin with.

    Raises:
        ImagesError: If it is damaged.
        BucketError: If its bucket cannot be reached.
    """
    links: list[tarfile.TarInfo] = []
    said: dict[str, str] = {}
    member = None
    try:
        with open_file(archive, _HEADER_BYTES) as file:
            headers = TarHeaders(file)
            for member in headers:
                _refuse_continued(member, archive)
                if said or member.issym():
                    _note(member, said)
                if member.issym() or member.islnk():
                    links.append(member)
                elif not is_folder(member):
                    yield _found(member, member, name, file)
            path, raw = readable_bytes(name)
            if _has_no_end(member, file):
                yield FoundFile(path, 0, raw, left_out=Reason.NO_END)
            if headers.have_hole:
                yield FoundFile(path, 0, raw, left_out=Reason.HOLE)
            if links:
                yield from _linked(links, said, name, file)
    except BucketError:
        raise
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
        raise _no_tar(archive, error) from error


def _refuse_continued(member: tarfile.TarInfo, archive: Place) -> None:
    """Refuse a tar in which a member goes on that began in another volume."""
    if member.type == _CONTINUED or _CONTINUED_PAX in member.pax_headers:
        raise ImagesError(f"Expected a whole tar; {archive} is one of several volumes: {_UNPACK_VOLUMES}")


def _no_tar(archive: Place, error: Exception) -> ImagesError:
    """What to raise for a file that is called a tar and cannot be read as one."""
    kind = kind_of(archive)
    if kind is None or kind == "tar":
        advice = way_to_read(archive, kind)
        if "unexpected end" in str(error) and not advice:
            advice = f" If it is the first of several volumes, {_UNPACK_VOLUMES}"
        return ImagesError(f"Expected a readable tar; {archive} is damaged: {error}.{advice}")
    advice = " Name it by itself." if kind == "zip" else way_to_read(archive, kind)
    return ImagesError(f"Expected a tar; {archive} is a file of kind {kind}.{advice}")


def _has_no_end(last: tarfile.TarInfo | None, file: BinaryIO) -> bool:
    """Whether no zeros stand behind a tar's last member; not known, and so not, of a sparse one.

    A tar without members is two blocks of them at least: what has less is the begin of another.
    """
    if last is None:
        file.seek(0)
        return len(file.read(_NO_MEMBERS_BYTES)) < _NO_MEMBERS_BYTES
    if last.issparse():
        return False
    file.seek(end_of(last, file))
    return not file.read(1)


def _note(member: tarfile.TarInfo, said: dict[str, str]) -> None:
    """Note what each symbolic link says that is there once a tar is unpacked up to this member."""
    own, target = member_name(member.name), member_name(member.linkname)
    if member.issym():
        said[own] = member.linkname
    elif member.islnk() and target in said:
        said[own] = said[target]
    else:
        said.pop(own, None)


def _linked(links: list[tarfile.TarInfo], said: dict[str, str], name: bytes, file: BinaryIO) -> Iterator[FoundFile]:
    """The links, each with the content that it has once all is unpacked; for that the headers are read once more."""
    names = {*link_ends(said).values(), *starmap(beside, said.items()), *(member_name(link.name) for link in links)}
    names |= {member_name(link.linkname) for link in links if link.islnk()}
    last: dict[str, tarfile.TarInfo] = {}  # header of each name
    content: dict[str, tarfile.TarInfo] = {}  # what has its bytes; a hard link has those that its target had by then
    folders: set[str] = set()
    for member in TarHeaders(file):
        own = member_name(member.name)
        folders.update(names.intersection(folders_above(own)), {own} if is_folder(member) else ())
        if own in names:
            last[own] = member
            content[own] = content.get(member_name(member.linkname), member) if member.islnk() else member
    ends = link_ends(said, {own for own, member in content.items() if not member.issym()})
    for link in links:
        own = member_name(link.name)
        end = ends.get(own, own)
        found = content.get(end)
        path, raw = _path(name, link)
        if last.get(own, link).offset != link.offset:
            yield FoundFile(path, 0, raw, left_out=Reason.REPLACED)
        elif found is not None and found.isreg():
            yield _found(link, found, name, file)
        elif end in folders:
            yield FoundFile(f"{path}/", 0, raw and raw + b"/", left_out=Fault.SEARCHED)
        else:
            yield FoundFile(path, 0, raw, left_out=Fault.NO_TARGET)


def _found(named: tarfile.TarInfo, member: tarfile.TarInfo, name: bytes, file: BinaryIO) -> FoundFile:
    """A file by the name of one header, with the content of another; where its name tells nothing, with its head."""
    path, raw = _path(name, named)
    if not member.isreg() or member.issparse():
        return FoundFile(path, 0, raw, left_out=Reason.SPARSE if member.issparse() else Fault.SPECIAL)
    head = None
    if judge_name(named.name) is Reason.UNCLEAR:
        file.seek(member.offset_data)
        head = file.read(min(HEAD_BYTES, member.size))
    return FoundFile(path, member.size, raw, member.offset_data, head=head)


def _path(name: bytes, member: tarfile.TarInfo) -> tuple[str, bytes | None]:
    return readable_bytes(name + b"/" + raw_name(member))
