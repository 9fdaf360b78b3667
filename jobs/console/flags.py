"""Fields as flags: messages name what users set as Python does, `labels_from`; commands show it as --labels-from."""

import re

# What commands are told by position, and their flags. tests/jobs/console/test_flags.py compares both with the commands.
_ARGUMENTS = "command folder run"
_OPTIONS = """
    accelerator_type actors address augment base batch_size bytes_column clip competition cores_per_gpu
    cpus_per_actor data dropout dtype engine ensemble env epochs fallback features folds gpu_images_per_s gpu_price
    gpus_per_actor head head_only id_column images json label_column labels labels_file labels_from learning_rate
    model no_verify no_wait num_images output output_name outputs overwrite partial path_column pixels pooling
    positive precision preset protocol read_timeout reads_per_s resize rounds seed shard_deadline shard_size
    simulate size sonar sonar_model store_probabilities template threshold unfreeze validation values variant verify
    wait_for_nodes weights
"""
ARGUMENTS, OPTIONS = frozenset(_ARGUMENTS.split()), frozenset(_OPTIONS.split())
_FIELD = re.compile(r"`([a-z][a-z0-9_]*)`")


def as_flags(text: str) -> str:
    """Show every known field in backticks as what is typed on the command line; other words stay as they are."""
    return _FIELD.sub(_as_flag, text)


def _as_flag(field: re.Match[str]) -> str:
    name = field[1]
    if name in ARGUMENTS:
        return name.upper()
    return f"--{name.replace('_', '-')}" if name in OPTIONS else field[0]
