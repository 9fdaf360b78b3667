"""Run a command on a Ray cluster as a job: the same words as on this machine, after `submit ... --`.

    shardscore submit --address http://HEAD:8265 -- score --images /shared/test.zip --output /shared/runs/test

Ships this program's own packages and nothing else: images, models and results stay where every node sees them.
Shows the job's log as it grows and exits with its exit code; with --no-wait it ends once the job is submitted.
"""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

import cluster
import jobs
import scoring
from cluster.submit import JobSettings, SubmittedJob, overruling_variable, submit_job
from jobs.console.arguments import check_texts
from jobs.console.commands import HELP_NAMES, OnceCommand, shown_examples, which_command
from jobs.console.exit_codes import COMPLETE, INTERRUPTED, Terminated, exit_codes, goes_on
from jobs.console.flags import as_flags, group_of
from jobs.console.local_paths import local_paths
from jobs.console.stop_signals import stop_signals
from jobs.console.terminal import Terminal, print_command, print_result
from scoring.errors import RequestError

app = typer.Typer(add_completion=False)
_LAST_LINES = 10
_KEPT_CHARACTERS = 8000


@dataclass(frozen=True)
class SubmitRequest:
    """What `shardscore submit` was asked for.

    Attributes:
        command: The command line to run, without the program's name.
        address: The cluster's dashboard; None leaves it to Ray's environment variables.
        environment: KEY=VALUE each, or KEY for this machine's value.
        wait: Follow the job to its end.
    """

    command: tuple[str, ...]
    address: str | None
    environment: tuple[str, ...]
    wait: bool


def submit(request: SubmitRequest, commands: TyperGroup, console: Console) -> int:
    """Submit one of the commands, follow it, and return its exit code.

    Raises:
        RequestError: If the command line makes no sense; nothing is submitted.
        SessionError: If the cluster cannot be reached.
    """
    _check_command(commands, request.command)
    settings = JobSettings(
        name=f"shardscore {request.command[0]}",
        command=shlex.join(["python", "-m", "jobs", *request.command]),
        packages=shipped_packages(),
        environment=_environment(request.environment),
    )
    if other := _overrules(request.address):
        console.print(other, style="yellow")
    job = submit_job(settings, request.address)
    console.print(f"submitted {job.job_id} to {job.address}")
    if not request.wait:
        _print_what_to_do_with(job, console)
        if console.quiet:
            print_result(job.job_id)  # nothing else tells how to follow or stop it
        return COMPLETE
    log = _Log(console)
    try:
        end = job.follow(log.show)
    except (KeyboardInterrupt, Terminated) as stop:
        return _stop_or_leave(request, job, stop, console)
    if end.exit_code and console.quiet:
        log.print_last_lines()
    if end.reason:
        print(f"{job.job_id} {end.reason}; {_what_to_do(request)}", file=sys.stderr)
    return end.exit_code


class _Log:
    """A job's log, passed on as it grows; of one that is not shown the last lines are kept."""

    def __init__(self, console: Console) -> None:
        self._console, self._last = console, ""

    def show(self, text: str) -> None:
        self._console.out(text, end="", highlight=False)
        self._last = (self._last + text)[-_KEPT_CHARACTERS:]

    def print_last_lines(self) -> None:
        for line in self._last.splitlines()[-_LAST_LINES:]:
            self._console.print(Text.from_ansi(line).plain, style="yellow")


def shipped_packages() -> dict[str, Path]:
    """This program's packages, and `shardscore`, as which users import one of them."""
    packages = {module.__name__: Path(module.__path__[0]) for module in (cluster, jobs, scoring)}
    return {**packages, "shardscore": packages["jobs"] / "api"}


def _check_command(commands: TyperGroup, command: Sequence[str]) -> None:
    """Refuse, before anything is shipped, what cannot be parsed and what only this machine could find."""
    name, *arguments = command
    parser = commands.get_command(typer.Context(commands), name)
    if parser is None or name == "submit":
        names = [each for each in commands.list_commands(typer.Context(commands)) if each != "submit"]
        what = "Leave that word out." if name in ("shardscore", "submit") else which_command(name, names)
        raise RequestError(f"Expected a command to run on the cluster; received {name!r}. {what}")
    try:
        given = parser.make_context(name, arguments).params
    except typer.TyperException as error:
        raise RequestError(f"shardscore {name}: {error.format_message()}") from error
    check_texts(given)
    assert parser.callback
    for parameter, path in local_paths(parser.callback, given):
        is_default = path == str(parameter.default)
        raise RequestError(
            f"Expected `{parameter.name}` as every node sees it: an absolute path. "
            f"{'By default it is' if is_default else 'Received'} {path!r}, which would be looked for in the job's own "
            "folder."
        )


def _environment(pairs: Sequence[str]) -> Mapping[str, str]:
    """Read KEY=VALUE, and KEY from this process; no message holds a value."""
    environment: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not key or (not separator and key not in os.environ):
            raise RequestError(
                f"Expected `env` KEY=VALUE, or KEY of a variable set here; received {key!r} without one."
            )
        meant = value if separator else os.environ[key]
        if environment.setdefault(key, meant) != meant:
            raise RequestError(f"Expected one value of each variable in `env`; received two of {key!r}. Give it once.")
    return environment


def _overrules(address: str | None) -> str | None:
    """In words, what sends the job to another cluster than the one that was named."""
    variable = overruling_variable()
    if not variable or address in (None, os.environ[variable]):
        return None
    return f"{variable} is set, which Ray puts before `address`: the job goes to its cluster. Unset it to go to yours."


def _stop_or_leave(request: SubmitRequest, job: SubmittedJob, stop: BaseException, console: Console) -> int:
    """After Ctrl-C on a terminal, ask; else leave the job running, and say so."""
    stop_signals.expect_another()
    asks = isinstance(stop, KeyboardInterrupt) and sys.stdin.isatty() and console.is_terminal
    if asks and _wants_to_stop(job):
        job.stop()
        kept = "what is finished is kept: " if goes_on(request.command[0]) else ""
        console.print(f"stopped; {kept}{_what_to_do(request)}")
    else:
        console.print()
        console.print(f"{job.job_id} goes on without this command")
        _print_what_to_do_with(job, console)
    return stop.exit_code if isinstance(stop, Terminated) else INTERRUPTED


def _what_to_do(request: SubmitRequest) -> str:
    if not goes_on(request.command[0]):
        return "the same command, submitted again, begins anew"
    unless = ", without `overwrite` if its log says that no earlier results are left"
    return as_flags(f"submit the same command again to go on{unless if '--overwrite' in request.command else ''}")


def _wants_to_stop(job: SubmittedJob) -> bool:
    try:
        return typer.confirm(f"\nStop {job.job_id}? Otherwise it goes on", default=False)
    except typer.Abort:  # a second Ctrl-C
        return False


def _print_what_to_do_with(job: SubmittedJob, console: Console) -> None:
    for verb in ("logs --follow", "status", "stop"):
        print_command(console, "  ", ["ray", "job", *verb.split(), "--address", job.address, job.job_id])


_EXAMPLES = (
    "submit --address http://HEAD:8265 -- score --images s3://bucket/test.zip --output s3://bucket/run",
    "submit --env KERAS_BACKEND=jax --no-wait -- finetune --images /shared/train.zip --output /shared/model",
)


@app.command(
    "submit",
    cls=OnceCommand,
    epilog=shown_examples(_EXAMPLES),
    context_settings={"allow_interspersed_args": False, **HELP_NAMES},
)
def _submit(
    context: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="What to run there: -- score --images ... --output ...")
    ],
    address: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=group_of("address"),
            help="Dashboard, as http://HEAD:8265; Ray puts RAY_API_SERVER_ADDRESS and RAY_ADDRESS before it. "
            "Without any of them, a Ray here.",
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=group_of("env"),
            help="KEY=VALUE for the job's processes, or KEY for this machine's value; repeatable.",
        ),
    ] = None,
    no_wait: Annotated[
        bool,
        typer.Option("--no-wait", rich_help_panel=group_of("no_wait"), help="Submit the job and do not wait for it."),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            rich_help_panel=group_of("quiet"),
            help="Print only warnings, errors, and the end of a failed job's log; with --no-wait the job's id alone.",
        ),
    ] = False,
) -> None:
    """Run a command on a Ray cluster as a job; follow its log, and exit with its exit code."""
    group = context.find_root().command
    assert isinstance(group, TyperGroup)
    with exit_codes():
        check_texts({"address": address})
        stop_signals.install()
        code = submit(SubmitRequest(tuple(command), address, tuple(env or ()), not no_wait), group, Terminal(quiet))
    raise typer.Exit(code)
