"""What was found out of a network is kept on this machine, beside its conversions: others need not try it again."""

import json
from collections.abc import Callable
from functools import cache

from scoring.errors import StorageError
from scoring.networks.conversions import conversion_folder, made_once

_ANSWER = "answer.json"


def kept_answer(digest: str, question: str, ask: Callable[[], bool]) -> bool:
    """The answer of this machine's first process to a question of a network; where none can be kept, each asks.

    Args:
        digest: The network's digest.
        question: Names it, with all that the answer depends on.
        ask: Finds the answer; what it raises is not kept.
    """
    ask = cache(ask)
    try:
        folder = conversion_folder(digest, question)
        with made_once(folder) as temporary:
            if temporary:
                (temporary / _ANSWER).write_text(json.dumps(ask()), encoding="utf-8")
        return bool(json.loads((folder / _ANSWER).read_text(encoding="utf-8")))
    except (StorageError, OSError):
        return ask()
