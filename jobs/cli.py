"""The `shardscore` command; `python -m jobs` is the same."""

import sys
import warnings
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from jobs.console.commands import HELP_NAMES, which_command
from jobs.console.exit_codes import exit_codes
from jobs.console.stop_signals import stop_signals
from jobs.console.terminal import forget_narrow_columns, format_warning, help_output, print_result, typer_output
from scoring import __version__

# In the order of --help, each with the module that is imported when it is called: one command does not wait for the
# libraries of the others.
COMMANDS = {
    "score": "jobs.score.command",
    "finetune": "jobs.finetune.command",
    "embed": "jobs.embed.command",
    "status": "jobs.status",
    "sonar": "jobs.sonar.command",
    "submission": "jobs.submission",
    "submit": "jobs.submit",
    "report": "jobs.report",
    "demo": "jobs.demo",
    "bench": "jobs.bench.command",
}


class _LazyCommands(TyperGroup):
    """Knows the commands by name."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Names of all commands, in order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        return typer.main.get_command(import_module(COMMANDS[cmd_name]).app)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is typed, of a command line."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:  # a shell asks what may come behind it
            ctx.fail(f"No such command {args[0]!r}. {which_command(args[0], list(COMMANDS))}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        with help_output():
            super().format_help(ctx, formatter)


app = typer.Typer(cls=_LazyCommands, no_args_is_help=True, context_settings=HELP_NAMES, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        print_result(__version__)
        raise typer.Exit


@app.callback()
def _shardscore(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Score a large collection of images with a Keras model on Ray: one row for every image, always."""


def main() -> None:
    """Run the command line."""
    try:
        with exit_codes():
            warnings.formatwarning = format_warning
            forget_narrow_columns()
            with typer_output(shows_script=sys.argv[1:2] == ["--show-completion"]):
                app()
    finally:
        stop_signals.leave()


if __name__ == "__main__":
    main()
