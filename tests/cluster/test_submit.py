import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import requests
from ray.job_submission import JobStatus

from cluster import submit
from cluster.errors import SessionError, WaitingWarning
from cluster.submit import JobEnd, JobSettings, SubmittedJob, submit_job


class FakeClient:
    """Ray's client: a log that grows by a chunk at each connection, and states that are told one after the other."""

    def __init__(self, states: list[Any], connections: list[list[Any]], log: str = "") -> None:
        self._states = iter(states)
        self._connections = iter(connections)
        self._log = log
        self.stopped: list[str] = []

    def get_address(self) -> str:
        return "http://me:hunter2@head:8265"

    def get_job_info(self, job_id: str) -> Any:
        state = next(self._states)
        if isinstance(state, Exception):
            raise state
        return state

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        for chunk in next(self._connections):
            if isinstance(chunk, Exception):
                raise chunk
            await asyncio.sleep(chunk if isinstance(chunk, float) else 0)
            if isinstance(chunk, str):
                yield chunk

    def get_job_logs(self, job_id: str) -> str:
        return self._log

    def stop_job(self, job_id: str) -> None:
        self.stopped.append(job_id)


def _info(status: JobStatus, code: int | None = None, message: str | None = None) -> Any:
    return SimpleNamespace(status=status, driver_exit_code=code, message=message)


RUNNING, DONE = _info(JobStatus.RUNNING), _info(JobStatus.SUCCEEDED, 0)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "_LOOK_S", 0.0)
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_JOB_HEADERS"):
        monkeypatch.delenv(name, raising=False)


def _follow(client: FakeClient, secrets: tuple[str, ...] = ()) -> tuple[str, JobEnd]:
    shown: list[str] = []
    end = SubmittedJob(client, "raysubmit_1", secrets).follow(shown.append)  # type: ignore[arg-type]
    return "".join(shown), end


def test_log_is_shown_once_over_lost_and_silent_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "_SILENCE_S", 0.05)
    connections: list[list[Any]] = [
        ["one\n", "two\n", RuntimeError("the connection broke")],
        ["one\n", "two\nth", 60.0],
        ["one\ntwo\nthree\n", "four\n"],
    ]
    client = FakeClient([RUNNING, RUNNING, RUNNING, DONE], connections, "one\ntwo\nthree\nfour\nfive\n")
    assert _follow(client) == ("one\ntwo\nthree\nfour\nfive\n", JobEnd(0))


def test_head_that_restarts_is_waited_for() -> None:
    gone = requests.ConnectionError("refused")
    assert _follow(FakeClient([RUNNING, gone, gone, DONE], [["one\n"]], "one\n")) == ("one\n", JobEnd(0))


def test_head_that_stays_away_is_one_line_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "_OUTAGE_PATIENCE_S", 0.0)
    client = FakeClient([requests.ConnectionError("refused by\nhead")], [])
    with pytest.raises(SessionError, match=r"^Cannot use the Ray cluster at http://head:8265: refused by head$"):
        _follow(client)


@pytest.mark.parametrize(
    ("info", "end"),
    [
        (_info(JobStatus.FAILED, 1), JobEnd(1)),
        (_info(JobStatus.FAILED, 2), JobEnd(2)),
        (_info(JobStatus.FAILED, -9), JobEnd(137)),
        (_info(JobStatus.STOPPED), JobEnd(143, "was stopped")),
        (
            _info(JobStatus.FAILED, None, "no env\nwith s3cr3t!"),
            JobEnd(1, "did not run to its end: no env with ***"),
        ),
    ],
)
def test_exit_code_is_the_entry_points_and_secrets_are_hidden(info: Any, end: JobEnd) -> None:
    assert _follow(FakeClient([info], []), ("s3cr3t!", "1", "")) == ("", end)


def test_stop_waits_until_the_job_has_ended() -> None:
    client = FakeClient([RUNNING, RUNNING, _info(JobStatus.STOPPED)], [])
    SubmittedJob(client, "raysubmit_1").stop()  # type: ignore[arg-type]
    assert client.stopped == ["raysubmit_1"]
    assert next(client._states, None) is None


class Dashboard:
    """What `submit_job` uses of Ray's client; remembers what it was given."""

    given: ClassVar[dict[str, Any]] = {}

    def __init__(self, address: str | None, headers: Any = None) -> None:
        Dashboard.given = {"address": address, "headers": headers}

    def get_address(self) -> str:
        return "http://head:8265"

    def submit_job(self, **options: Any) -> str:
        folder = Path(options["runtime_env"]["working_dir"])
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        Dashboard.given |= {**options, "files": files}
        return "raysubmit_1"


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch) -> type[Dashboard]:
    monkeypatch.setattr(submit, "JobSubmissionClient", Dashboard)
    monkeypatch.setattr(requests, "get", lambda address, timeout: None)
    return Dashboard


def test_packages_are_all_that_is_shipped(dashboard: type[Dashboard], tmp_path: Path) -> None:
    for name in ("ours/code.py", "ours/page.html", "ours/__pycache__/code.pyc", "ours/.cache/x", "photos/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    job = submit_job(
        JobSettings("ours", "python -m ours", {"ours": tmp_path / "ours"}, {"KEY": "value"}), "http://head:8265"
    )
    assert job.job_id == "raysubmit_1"
    assert dashboard.given["files"] == ["ours/code.py", "ours/page.html"]
    assert dashboard.given["runtime_env"]["env_vars"] == {"KEY": "value"}
    assert not {name for name in dashboard.given if "num_cpus" in name or "num_gpus" in name}, "it reserves nothing"


def test_a_head_node_that_has_just_come_up_is_asked_again_under_the_same_id(
    dashboard: type[Dashboard], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def submit_late(self: Dashboard, **options: Any) -> str:
        asked.append(options["submission_id"])
        if len(asked) < 3:
            raise RuntimeError("Request failed with status code 500: No available agent to submit job.")
        return asked[-1]

    monkeypatch.setattr(Dashboard, "submit_job", submit_late)
    assert submit_job(JobSettings("ours", "true", {}), "http://head:8265").job_id == asked[0]
    assert len(asked) == 3
    assert len(set(asked)) == 1


def test_a_head_node_without_an_agent_is_waited_for_with_a_word_and_then_refused_with_what_to_do(
    dashboard: type[Dashboard], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Dashboard, **options: Any) -> str:
        raise RuntimeError("Request failed with status code 500: No available agent to submit job.")

    monkeypatch.setattr(Dashboard, "submit_job", refuse)
    monkeypatch.setattr(submit, "_START_PATIENCE_S", 0.2)
    monkeypatch.setattr(submit, "_SILENT_TRIES", 2)
    with (
        pytest.warns(WaitingWarning, match="Waiting for the agent") as told,
        pytest.raises(SessionError, match=r"dashboard_agent\.log .*-agent-listen-port` another\.$"),
    ):
        submit_job(JobSettings("ours", "true", {}), "http://head:8265")
    assert len(told) == 1


@pytest.mark.ray
def test_the_heads_own_port_is_told_to_be_no_dashboards(two_nodes: Any) -> None:
    with pytest.raises(SessionError, match=r"another language than HTTP: .* 8265 if none was chosen\.$"):
        submit_job(JobSettings("ours", "true", {}), f"http://{two_nodes.address}")


def test_a_dashboard_that_is_not_there_is_told_in_the_systems_words() -> None:
    with pytest.raises(SessionError, match=r"Cannot use .* http://127\.0\.0\.1:9: \[Errno \d+\] Connection refused$"):
        submit_job(JobSettings("ours", "true", {}), "http://127.0.0.1:9")


def test_address_and_headers_come_from_rays_own_variables(
    dashboard: type[Dashboard], monkeypatch: pytest.MonkeyPatch
) -> None:
    knocked: list[str] = []
    monkeypatch.setattr(requests, "get", lambda address, timeout: knocked.append(address))
    monkeypatch.setenv("RAY_ADDRESS", "http://other:8265")
    monkeypatch.setenv("RAY_JOB_HEADERS", '{"X-Proxy": "pass"}')
    submit_job(JobSettings("ours", "true", {}), None)
    assert dashboard.given["headers"] == {"X-Proxy": "pass"}
    assert submit.overruling_variable() == "RAY_ADDRESS"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://third:8265")
    submit_job(JobSettings("ours", "true", {}), "http://head:8265")
    assert knocked == ["http://other:8265", "http://third:8265"]


def test_values_of_the_environment_are_in_no_message(
    dashboard: type[Dashboard], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = JobSettings("ours", "true", {}, {"KEY": "s3cr3t!"})
    assert "s3cr3t!" not in repr(settings)

    def refuse(self: Dashboard, **options: Any) -> str:
        raise RuntimeError(f"cannot run with {options['runtime_env']['env_vars']}")

    monkeypatch.setattr(Dashboard, "submit_job", refuse)
    with pytest.raises(SessionError, match=r"cannot run with \{'KEY': '\*\*\*'\}"):
        submit_job(settings, "http://head:8265")
