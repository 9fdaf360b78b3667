"""The options of `shardscore submit`."""

from typing import Annotated

import typer
from typer.core import TyperGroup

from jobs.exit_codes import exit_codes
from jobs.submit import SubmitRequest, submit
from jobs.terminal import terminal

app = typer.Typer()


@app.command("submit", context_settings={"allow_interspersed_args": False})
def _submit(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(help="What to run there: -- score --images ... --output ...")],
    address: Annotated[
        str | None, typer.Option(help="Dashboard, as http://HEAD:8265.  [default: RAY_ADDRESS, or a Ray here]")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE for the job's processes, or KEY for this machine's value; repeatable."),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Submit, and leave the job alone.")] = False,
) -> None:
    """Run a command on a Ray cluster as a job; follow its log, and exit with its exit code."""
    group = context.find_root().command
    assert isinstance(group, TyperGroup)
    with exit_codes():
        code = submit(SubmitRequest(tuple(command), address, tuple(env or ()), not no_wait), group, terminal())
    raise typer.Exit(code)
