"""How many faults the long form injects: about 1,000 of all kinds, or what SHARDSCORE_CHAOS_FAULTS says."""

import os

import pytest

_USUAL = 1000
_WANTED = int(os.environ.get("SHARDSCORE_CHAOS_FAULTS", _USUAL))


def seeds(num_seeds: int, short: int = 1) -> pytest.MarkDecorator:
    """Run a kind so often: its share of the long form, of which CI runs the first `short` seeds."""
    wanted = max(1, round(num_seeds * _WANTED / _USUAL))
    long = [pytest.param(seed, marks=pytest.mark.chaos) for seed in range(short, wanted)]
    return pytest.mark.parametrize("seed", [*range(min(short, wanted)), *long])
