"""The command line that every rival of `tests.benchmarks.rivals` understands."""

import argparse
from pathlib import Path


def parse_options(description: str | None) -> argparse.Namespace:
    """Parse `PHOTOS OUTPUT --precision float32 --weights random`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--weights", default="random")
    return parser.parse_args()
