"""Fields as flags: messages name what users set as Python does, `labels_from`; commands show it as --labels-from."""

import re
from functools import partial

import typer
from typer.core import TyperGroup

# What commands are told by position, and their flags by the group in which --help shows them; those of "Options" come
# with --help itself. tests/jobs/console/test_flags.py compares them with the commands.
_ARGUMENTS = "command folder run"
GENERAL = "Options"
_GROUPS = {
    "Input": """
        bytes_column data group_column id_column images label_column labels_file labels_from path_column read_timeout
        template
    """,
    "Model": """
        base dtype features labels model output_name outputs pixels pooling resize seed size weights
    """,
    "Training": """
        augment dropout ensemble epochs folds head head_only learning_rate preset protocol unfreeze validation
    """,
    "Sonar": "sonar sonar_model",
    "Answers": "clip competition fallback partial positive threshold values",
    "Output": "output overwrite store_probabilities",
    "Speed": "batch_size engine num_images precision rounds shard_size variant",
    "Cluster": """
        accelerator_type actors address cpus_per_actor env gpus_per_actor no_wait shard_deadline wait_for_nodes
    """,
    "Estimate": "cores_per_gpu gpu_images_per_s gpu_price reads_per_s simulate",
    GENERAL: "dry_run json no_verify quiet verify",
}
GROUPS = {group: frozenset(names.split()) for group, names in _GROUPS.items()}
ARGUMENTS, OPTIONS = frozenset(_ARGUMENTS.split()), frozenset[str]().union(*GROUPS.values())
_FIELD = re.compile(r"`([a-z][a-z0-9_]*)`")


def as_flags(text: str, context: typer.Context | None = None) -> str:
    """Show every known field in backticks as what is typed on the command line; other words stay as they are.

    Args:
        text: Words with fields.
        context: Of the command that runs: an option that it lacks is shown with the first command that has it.
    """
    return _FIELD.sub(partial(_as_flag, context), text)


def _as_flag(context: typer.Context | None, field: re.Match[str]) -> str:
    name = field[1]
    if name in ARGUMENTS:
        return name.upper()
    if name not in OPTIONS:
        return field[0]
    owner = context and _other_owner(name, context)
    return f"--{name.replace('_', '-')}{f' (of {owner})' if owner else ''}"


def _other_owner(name: str, context: typer.Context) -> str | None:
    """The first command that has an option; None if the one that runs has it."""
    group = context.find_root().command
    if not isinstance(group, TyperGroup) or any(each.name == name for each in context.command.params):
        return None
    commands = ((each, group.get_command(context, each)) for each in group.list_commands(context))
    return next((each for each, command in commands if command and name in [own.name for own in command.params]), None)


def group_of(name: str) -> str | None:
    """In which group --help shows an option; None for those beside --help."""
    return next((group for group, names in GROUPS.items() if name in names and group != GENERAL), None)
