"""Servers on this machine that answer as Hugging Face and Kaggle do, as far as downloads of models go."""

import base64
import hashlib
import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

from tests.local_server import serving


@dataclass
class HubContent:
    """What a hub holds and what it was asked.

    Attributes:
        models: Files by name, by a model's name; the last version of it.
        commit: Of every model, on Hugging Face; its version, on Kaggle.
        secret: A token that it asks for; None if it takes anybody.
        asked: Requests, as `GET /path`, without those that failed.
        is_down: Answers nothing but errors.
        damaged: What is sent in place of a file, under the checksum of the file.
    """

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = "0" * 40
    secret: str | None = None
    asked: list[str] = field(default_factory=list)
    is_down: bool = False
    damaged: bytes | None = None

    def may_read(self, authorization: str | None) -> bool:
        """Whether a request with this header may read."""
        return self.secret is None or authorization == f"Bearer {self.secret}"


class _Handler(http.server.BaseHTTPRequestHandler):
    content: ClassVar[HubContent]

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        if status < 400:
            self.content.asked.append(f"{self.command} {urlsplit(self.path).path}")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, body: Any) -> None:
        self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

    def log_message(self, *arguments: object) -> None:
        return


class HuggingFaceHandler(_Handler):
    """`/api/models/OWNER/NAME[/revision/REVISION]` and `/OWNER/NAME/resolve/REVISION/FILE`."""

    def do_GET(self) -> None:
        content = self.content
        if content.is_down:
            self.answer(503, b"")
            return
        _, *parts = urlsplit(self.path).path.split("/")
        is_api = parts[:2] == ["api", "models"]
        owner, name, *rest = parts[2:] if is_api else parts
        files = content.models.get(f"{owner}/{name}")
        if files is None or not content.may_read(self.headers["Authorization"]):
            self.answer(401, b"", X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        elif len(rest) > 1 and rest[1] not in ("main", content.commit):
            self.answer(404, b"", X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")
        elif is_api:
            siblings = [{"rfilename": file} for file in files]
            self.answer_json({"id": f"{owner}/{name}", "sha": content.commit, "siblings": siblings})
        elif (file := "/".join(rest[2:])) in files:
            etag = hashlib.sha256(files[file]).hexdigest()
            sent = files[file] if content.damaged is None else content.damaged
            self.answer(200, sent, ETag=f'"{etag}"', X_Repo_Commit=content.commit)
        else:
            self.answer(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=content.commit)

    do_HEAD = do_GET  # noqa: N815


class KaggleHandler(_Handler):
    """Kaggle's services under `/api/v1`, and the storage that downloads are sent to; both as a proxy, for any host."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content, service = self.content, self.path.rpartition("/")[2]
        files = content.models.get(f"{asked['ownerSlug']}/{asked['modelSlug']}/{asked['instanceSlug']}")
        version = str(asked.get("versionNumber", content.commit))
        if content.is_down:
            self.answer(503, b"")
        elif not content.may_read(self.headers["Authorization"]):
            self.answer(403, b"Permission denied")
        elif files is None or version != content.commit:
            self.answer(404, b"Not found")
        elif service == "GetModelInstance":
            self.answer_json({"versionNumber": int(content.commit)})
        elif service == "ListModelInstanceVersionFiles":
            self.answer_json({"files": [{"name": name} for name in files], "nextPageToken": ""})
        else:
            model = f"{asked['ownerSlug']}/{asked['modelSlug']}/{asked['instanceSlug']}"
            self.answer(302, b"", Location=f"http://storage.test/{model}/{asked['path']}")

    def do_GET(self) -> None:
        owner, model, variation, file = urlsplit(self.path).path[1:].split("/", 3)
        body = self.content.models[f"{owner}/{model}/{variation}"][file]
        checksum = base64.b64encode(hashlib.md5(body).digest()).decode()
        self.answer(200, body, x_goog_hash=f"md5={checksum}", Accept_Ranges="bytes")


@contextmanager
def serve(handler: type[_Handler], content: HubContent) -> Iterator[str]:
    """Run a server; its address."""
    bound = type("Handler", (handler,), {"content": content})
    with serving(bound) as address:
        yield address
