"""Fail if tests were skipped that CI has to run: `python .ci/refuse_skips.py REPORT`, the file of `pytest --junitxml`.

A GPU, photos that may not be passed on, another processor or a mount are not everywhere; libraries and browsers can be.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

# Words of the reasons that are good ones.
_GOOD_REASONS = ("GPU", "no real data", "needs root", "instruction set of x86", "no wheel for Linux on ARM", "one core")


def refused_skips(report: Path) -> Iterator[str]:
    """Yield each test that was skipped without a good reason, with its reason."""
    for case in ElementTree.parse(report).iter("testcase"):
        for skipped in case.iter("skipped"):
            reason = skipped.get("message", "")
            if skipped.get("type") == "pytest.skip" and not any(words in reason for words in _GOOD_REASONS):
                yield f"{case.get('classname')}::{case.get('name')}: {reason}"


if __name__ == "__main__":
    refused = list(refused_skips(Path(sys.argv[1])))
    sys.exit("skipped, and must not be:\n" + "\n".join(refused) if refused else 0)
