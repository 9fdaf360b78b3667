"""Import matplotlib without its lines where no home folder can be written: it makes a temporary one, and removes it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_matplotlib() -> Iterator[None]:
    """Let the block, which imports matplotlib or what imports that, print its errors alone."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
