"""The formats of images, by a file's name or by its first bytes, and which of them this machine decodes."""

import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from scoring.storage.git_lfs import ADVICE, HEAD, POINTER

# Bytes of a file that `format_of` needs to see.
HEAD_BYTES = 64

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"}
    | {".avif", ".avifs", ".jp2", ".j2k", ".jpx", ".jpf", ".jpc", ".j2c", ".ppm", ".pgm", ".pbm", ".pnm", ".ico"}
    | {".cur", ".icns", ".psd", ".tga", ".pcx", ".dds", ".qoi", ".sgi", ".xpm"}
)
# Of the formats whose files have one of several suffixes, these.
_OF_ONE = (
    {".jpg", ".jpeg", ".jpe", ".jfif"},
    {".png", ".apng"},
    {".bmp", ".dib"},
    {".tif", ".tiff"},
    {".avif", ".avifs"},
    {".jp2", ".j2k", ".jpx", ".jpf", ".jpc", ".j2c"},
    {".ppm", ".pgm", ".pbm", ".pnm"},
)
# What Pillow learns from a package of our extra `formats`.
_PLUGINS = {"HEIC": "pillow_heif", "JPEG XL": "pillow_jxl"}
POSTSCRIPT = "PostScript"
EXTRA = "pip install 'shardscore[formats]'"

_NAMED = (
    ("HEIC", (".heic", ".heif", ".hif")),
    ("JPEG XL", (".jxl",)),
    ("camera raw", (".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".raf")),
    ("camera raw", (".pef", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".mef", ".mos", ".kdc", ".dcr", ".rwl")),
    ("SVG", (".svg", ".svgz")),
    ("DICOM", (".dcm", ".dicom")),
    ("OpenEXR", (".exr",)),
    ("JPEG XR", (".jxr", ".wdp", ".hdp")),
    ("GIMP", (".xcf",)),
    ("FITS", (".fits",)),
    ("NIfTI", (".nii",)),
    ("X bitmap", (".xbm",)),
    ("SPIDER", (".spi", ".spider")),  # it begins with numbers, as other files do
    ("Blizzard texture", (".blp",)),
    ("Windows metafile", (".wmf", ".emf")),
    (POSTSCRIPT, (".eps", ".ps")),
)
_BY_SUFFIX = {suffix: name for name, suffixes in _NAMED for suffix in suffixes}
# What files of each format begin with; the first pattern that fits counts.
_BY_HEAD = (
    ("JPEG", rb"\xff\xd8\xff"),
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("GIF", rb"GIF8[79]a"),
    ("WebP", rb"RIFF.{4}WEBP"),
    ("camera raw", rb"II\*\0.{4}(CR|IIII.waR)|MM\0\*.{4}MMMMRaw|.{4}ftypcrx |FUJIFILMCCD-RAW|IIR[OS]|IIU\0"),
    ("TIFF", rb"II[*+]\0|MM\0[*+]"),
    ("BMP", rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}"),
    ("AVIF", rb".{4}ftyp(avi[fs]|(mif1|msf1|miaf).{0,44}avif)"),
    ("HEIC", rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)"),
    ("JPEG XL", rb"\xff\x0a|\0{3}\x0cJXL \r\n\x87\n"),
    ("JPEG 2000", rb"\0{3}\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    ("Photoshop", rb"8BPS\0\x01"),
    ("PNM", rb"P[1-6](\s|#[^\n]*\n)+\d"),
    ("QOI", rb"qoif"),
    ("DDS", rb"DDS \x7c\0{3}"),
    ("Apple icon", rb"icns"),
    ("SGI", rb"\x01\xda[\x00\x01][\x01\x02]\0[\x01-\x03]"),
    ("X pixmap", rb"/\* XPM \*/"),
    ("PFM", rb"Pf\s+\d+\s+\d+\s+-?\d"),
    ("colour PFM", rb"PF\s+\d+\s+\d+\s+-?\d"),
    ("PAM", rb"P7\n(#|WIDTH |HEIGHT |DEPTH |MAXVAL |TUPLTYPE )"),
    ("Sun raster", rb"\x59\xa6\x6a\x95"),
    ("X bitmap", rb"(/\*[^*]*\*/)?\s*#define[ \t]+\w+_width[ \t]+\d"),
    ("IFUNC image", rb"Image type: [^\n]{1,30} image\r?\n"),
    ("Windows Paint", rb"DanM|LinS"),
    ("Blizzard texture", rb"BLP[12]"),
    ("Windows metafile", rb"\xd7\xcd\xc6\x9a\0\0|\x01\0{3}.{36} EMF"),
    ("JPEG XR", rb"II\xbc"),
    ("OpenEXR", rb"v/1\x01"),
    ("Radiance HDR", rb"#\?(RADIANCE|RGBE)\n"),
    ("FITS", rb"SIMPLE  =  "),
    ("GIMP", rb"gimp xcf"),
    (POSTSCRIPT, rb"%!PS|\xc5\xd0\xd3\xc6"),
    (POINTER, re.escape(HEAD)),
    ("SVG", rb"\s*(<\?xml[^>]*>\s*)?<svg[\s>]"),
)
_HEADS = re.compile(b"|".join(b"(?P<f%d>%s)" % (number, head) for number, (_, head) in enumerate(_BY_HEAD)), re.DOTALL)
_READ = frozenset(
    {"JPEG", "PNG", "GIF", "WebP", "TIFF", "BMP", "AVIF", "JPEG 2000", "Photoshop", "PNM", "QOI", "DDS", "Apple icon"}
    | {"SGI", "X pixmap", "PFM"}
)


def told_format(suffix: str) -> str:
    """One suffix for all of the same format: `.jpg` for `.JPEG`."""
    lower = suffix.lower()
    return next((max(suffixes) for suffixes in _OF_ONE if lower in suffixes), lower)


def format_of_suffix(suffix: str) -> str | None:
    """The format that a suffix in lower case tells, of those that take a plugin or cannot be decoded; else None."""
    return _BY_SUFFIX.get(suffix)


def format_of(head: bytes) -> str | None:
    """The format of an image by its first bytes; None if it is none that we know."""
    found = _HEADS.match(head)
    return _BY_HEAD[int(str(found.lastgroup)[1:])][0] if found else None


def is_read(name: str) -> bool:
    """Whether Pillow decodes a format by itself."""
    return name in _READ


def is_decoded(name: str) -> bool:
    """Whether this machine decodes a format, by Pillow or one of its plugins."""
    return is_read(name) or (name in _PLUGINS and find_spec(_PLUGINS[name]) is not None)


def is_refused(name: str) -> bool:
    """Whether no machine decodes a format, even where Pillow would: as wrong pixels, or by running a program."""
    return not is_read(name) and name not in _PLUGINS


def why_not(name: str) -> str:
    """Why a format is not decoded here, in words for a message."""
    if name == POINTER:
        return f"{name}. {ADVICE.rstrip('.')}"
    return f"{name}, which needs {EXTRA}" if name in _PLUGINS else f"{name}, which is not decoded"


def load_plugin(name: str) -> bool:
    """Load Pillow's plugin for a format; return whether Pillow decodes the format from now on."""
    if name not in _PLUGINS or not is_decoded(name):
        return False
    _load_once(name)
    return True


@cache
def _load_once(name: str) -> None:
    plugin = import_module(_PLUGINS[name])  # pillow_jxl registers itself
    if name == "HEIC":
        plugin.register_heif_opener()
