"""The names of files in paths, addresses and markup from elsewhere, whatever stands around them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from scoring.pixels.formats import IMAGE_SUFFIXES
from scoring.sources.id_matching import Matches
from scoring.sources.id_spelling import bare_name, folded, number_of_id, path_or_id, without_image_suffix
from scoring.sources.row_paths import told_path

# `3` of `C:\imgs\3.png`, `https://b/x/3.png?sig=1`, `/data/local-files/?d=images/3.png` and `<img src="3.png">`.
_PHOTO = re.compile(
    rf"([^\\/?#&=\"'<>]+)\.(?:{'|'.join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))})(?![\w.])", re.IGNORECASE
)


def name_photos(values: Sequence[str]) -> bool:
    """Whether most of some values name files of images, wherever these lie."""
    return 2 * sum(_PHOTO.search(value) is not None for value in values) > len(values)


def names_in(texts: Iterable[str]) -> Iterable[str]:
    """The name in each id or path, in one spelling: what an id that means a photo has in common with it."""
    names = (folded(told_path(text)).rpartition("/")[2] for text in texts)
    bare = (without_image_suffix(name) or name for name in names)
    return (number_of_id(name) or name for name in bare)


def match_base_names(ids: Sequence[str], image_ids: Sequence[str], paths: Sequence[str]) -> Matches:
    """Find the image whose name each id has, but for suffix and case; none of a name that two ids or images have."""
    found = [match[1].casefold() if (match := _PHOTO.search(one)) else "" for one in ids]
    names = [bare_name(path_or_id(*image)).casefold() for image in zip(image_ids, paths, strict=True)]
    num_found, num_named = Counter(found), Counter(names)
    row_of = {name: row for row, name in enumerate(names) if num_named[name] == 1}
    rows = [row_of.get(name, -1) if num_found[name] == 1 else -1 for name in found]
    return Matches(np.array(rows, np.int64), [one for one, row in zip(ids, rows, strict=True) if row < 0], None)
