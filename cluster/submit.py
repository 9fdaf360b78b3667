"""A job on a cluster that runs elsewhere: shipped, followed and stopped by Ray's Jobs API, from a dashboard's port."""

import asyncio
import json
import logging
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import BadStatusLine
from pathlib import Path
from typing import Any

import aiohttp
import requests
from ray.exceptions import AuthenticationError, RayError
from ray.job_submission import JobStatus, JobSubmissionClient
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_message,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from cluster.addresses import hide_secrets, reason_of, without_password
from cluster.errors import SessionError, WaitingWarning
from cluster.knock import check_answers
from cluster.notices import notice
from cluster.session import NO_TOKEN

# Ray's Jobs API puts them, in this order, before an address that it is given.
_ADDRESS_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_PATIENCE_S = 10.0
_START_PATIENCE_S = 60.0
_NO_AGENT = "No available agent"  # as Ray's dashboard says it, some seconds after `ray start`
_SILENT_TRIES = 10
_AGENT_MISSING = (
    f"no agent of its head node has answered for {_START_PATIENCE_S:.0f} s, and that one starts jobs. Look into "
    "dashboard_agent.log on the head: where another Ray on that machine has its port, give "
    "`ray start --dashboard-agent-listen-port` another."
)
_NO_DASHBOARD = "its port speaks another language than HTTP: it is not a dashboard's, which is 8265 if none was chosen."
_OUTAGE_PATIENCE_S = 300.0  # a head node that restarts, a laptop that sleeps
_LOOK_S = 1.0
_SILENCE_S = 60.0  # then the log is opened anew: a connection may die without a word
_STOP_PATIENCE_S = 60.0
_STOPPED = 128 + signal.SIGTERM  # what a shell says of a process that SIGTERM ended


@dataclass(frozen=True)
class JobSettings:
    """What is to run.

    Attributes:
        name: What the dashboard calls it.
        command: The entry point, as one shell command.
        packages: Folders of Python packages by the name they are imported under; the job's working folder holds these
            and nothing else.
        environment: Variables of the job's processes; their values are never shown.
    """

    name: str
    command: str
    packages: Mapping[str, Path]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class JobEnd:
    """How a job ended.

    Attributes:
        exit_code: The entry point's, or what stands for it if it has none.
        reason: What happened to a job that has none, as the end of a sentence; else empty.
    """

    exit_code: int
    reason: str = ""


class SubmittedJob:
    """A job that the cluster has taken.

    Attributes:
        job_id: Ray's submission id, for `ray job logs`, `status` and `stop`.
        address: The dashboard's, without a password.
    """

    def __init__(self, client: JobSubmissionClient, job_id: str, secrets: Collection[str] = ()) -> None:
        self.job_id = job_id
        self.address = without_password(client.get_address())
        self._client = client
        self._secrets = secrets
        self._num_shown = 0  # characters of the log

    def follow(self, show: Callable[[str], object]) -> JobEnd:
        """Pass the log on as it grows, until the job ends; a lost connection is taken up again.

        Raises:
            SessionError: If the cluster does not answer for minutes.
        """
        with _as_session_error(self.address, self._secrets):
            while not (info := self._info()).status.is_terminal():
                asyncio.run(self._pass_on_log(show))
                time.sleep(_LOOK_S)
            with suppress(RuntimeError):  # there is no log if the job never started
                show(self._client.get_job_logs(self.job_id)[self._num_shown :])
        return self._end(info)

    def stop(self) -> None:
        """End the job; Ray kills it if it has not ended by itself in three seconds, or what the head was told to wait.

        Raises:
            SessionError: If it does not end.
        """
        with _as_session_error(self.address, self._secrets):
            self._client.stop_job(self.job_id)
            deadline = time.monotonic() + _STOP_PATIENCE_S
            while not self._info().status.is_terminal():
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.job_id} has not ended within {_STOP_PATIENCE_S:.0f} s")
                time.sleep(_LOOK_S)

    async def _pass_on_log(self, show: Callable[[str], object]) -> None:
        """Show what is new in the log, until its connection ends or brings nothing for a while."""
        stream: Any = self._client.tail_job_logs(self.job_id)  # begins with the first line
        num_read = 0
        with suppress(TimeoutError, RuntimeError, aiohttp.ClientError):
            async with aclosing(stream):
                while (text := await asyncio.wait_for(anext(stream, None), _SILENCE_S)) is not None:
                    show(text[max(0, self._num_shown - num_read) :])
                    num_read += len(text)
                    self._num_shown = max(self._num_shown, num_read)

    def _info(self) -> Any:
        """The job's state; asked for patiently."""
        patiently = Retrying(
            retry=retry_if_exception_type(requests.RequestException),
            stop=stop_after_delay(_OUTAGE_PATIENCE_S),
            wait=wait_fixed(_LOOK_S),
            reraise=True,
        )
        return patiently(self._client.get_job_info, self.job_id)

    def _end(self, info: Any) -> JobEnd:
        if info.status == JobStatus.SUCCEEDED:
            return JobEnd(0)
        if info.status == JobStatus.STOPPED:
            return JobEnd(_STOPPED, "was stopped")
        code = info.driver_exit_code
        if code is None:  # it was never started, or its node is gone
            return JobEnd(1, f"did not run to its end: {hide_secrets(info.message or '', self._secrets)}")
        return JobEnd(code if code >= 0 else 128 - code)


def submit_job(settings: JobSettings, address: str | None) -> SubmittedJob:
    """Ship the packages to the cluster and start the entry point on its head node.

    It reserves neither cores nor GPUs: those are for the workers.

    Args:
        settings: What to run.
        address: The dashboard, as http://HEAD:8265. Ray's environment variables come first, as in Ray's own tools;
            without any of them, a Ray on this machine.

    Raises:
        SessionError: If the cluster cannot be reached or refuses the job.
    """
    secrets = tuple(settings.environment.values())
    with _as_session_error(_chosen_address(address), secrets), tempfile.TemporaryDirectory() as folder:
        for name, package in settings.packages.items():
            shutil.copytree(package, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__", ".*"))
        client = _connect(address)
        return SubmittedJob(client, _start(client, settings, folder), secrets)


def _start(client: JobSubmissionClient, settings: JobSettings, folder: str) -> str:
    """Have the entry point started; a head node that has just come up has no agent for it yet, and is asked again.

    Under one id: a cluster that took the job and answered too late refuses it the second time.

    Raises:
        TimeoutError: If it gets none.
    """
    job_id = f"raysubmit_{uuid.uuid4().hex[:16]}"
    patiently = Retrying(
        retry=retry_if_exception_message(match=f"(?s).*{_NO_AGENT}"),
        stop=stop_after_delay(_START_PATIENCE_S),
        wait=wait_fixed(_LOOK_S),
        before_sleep=_tell_of_wait,
    )
    try:
        started: str = patiently(
            client.submit_job,
            submission_id=job_id,
            entrypoint=settings.command,
            runtime_env={"working_dir": folder, "env_vars": dict(settings.environment)},
            metadata={"job_name": settings.name},
        )
    except RetryError as error:
        raise TimeoutError(_AGENT_MISSING) from error
    return started


def _tell_of_wait(state: RetryCallState) -> None:
    if state.attempt_number == _SILENT_TRIES:
        notice("Waiting for the agent of the cluster's head node, which starts jobs.", WaitingWarning)


def overruling_variable() -> str | None:
    """The environment variable that Ray puts before an address it is given, if one is set."""
    return next((name for name in _ADDRESS_VARIABLES if os.environ.get(name)), None)


def _chosen_address(address: str | None) -> str | None:
    variable = overruling_variable()
    return os.environ[variable] if variable else address


def _connect(address: str | None) -> JobSubmissionClient:
    for handler in logging.getLogger("ray").handlers:
        handler.setLevel(logging.WARNING)  # it tells of every upload and connection
    chosen = _chosen_address(address)
    if chosen and chosen.startswith(("http://", "https://")):
        requests.get(chosen, timeout=_PATIENCE_S)  # knock first: the client itself would wait for minutes
    else:
        check_answers(chosen)
    headers = json.loads(os.environ.get("RAY_JOB_HEADERS") or "null")  # as `ray job` does
    return JobSubmissionClient(address, headers=headers)


@contextmanager
def _as_session_error(address: str | None, secrets: Collection[str]) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError, TypeError, RayError, aiohttp.ClientError) as error:
        where = f"the Ray cluster at {without_password(address)}" if address else "a Ray cluster on this machine"
        reason = NO_TOKEN if isinstance(error, AuthenticationError) else reason_of(_cause(error), secrets, address)
        raise SessionError(f"Cannot use {where}: {reason}") from error


def _cause(error: BaseException) -> BaseException:
    """What the system said, where `requests` wraps it in the names of its own classes; else the exception itself."""
    cause: BaseException | None = error
    while isinstance(error, requests.ConnectionError) and cause:
        if isinstance(cause, OSError) and cause.strerror:
            return cause
        if isinstance(cause, BadStatusLine) and not isinstance(cause, OSError):  # one that hung up is both
            return OSError(_NO_DASHBOARD)
        cause = cause.__cause__ or cause.__context__
    return error
