"""A server on loopback that speaks the batch protocols of OpenAI, Anthropic and Gemini, as their documentation has them.

OpenAI: https://platform.openai.com/docs/api-reference/batch; Anthropic:
https://docs.anthropic.com/en/api/creating-message-batches; Gemini: https://ai.google.dev/api/batch-api.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from api_server import ThreadedServer

Answers = Callable[[dict[str, Any]], tuple[int, Any]]
"""Status and payload of one request's body."""
OPEN, ENDED = "in_progress", "ended"


class BatchServer(ThreadedServer):
    """Answers a batch's requests when `release` is set; counts what it was given and what it was asked.

    `lose` is how the answer to the next submission is lost: `before` nothing was made, `after` the batch was.
    """

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.answers = answers
        self.release = True
        self.lose: list[str] = []
        self.batches: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.given: Counter[str] = Counter()
        """The bodies that were given, as JSON."""
        self.asked: list[tuple[str, str]] = []
        self.skipped: set[str] = set()
        """Bodies that get no answer: the batch expires before."""
        self.refuse: str | None = None
        """Why a batch is refused when it is validated."""

    def _runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, request.path_qs))
        creates = request.method == "POST" and (
            request.path.endswith("/batches") or request.path.endswith(":batchGenerateContent")
        )
        how = self.lose.pop(0) if creates and self.lose else ""
        if how == "before":
            request.transport.abort()
            return web.Response()
        status, answer = self._route(request, body)
        if how == "after":
            request.transport.abort()
            return web.Response()
        if isinstance(answer, bytes):
            return web.Response(body=answer, status=status, content_type="application/octet-stream")
        return web.Response(body=json.dumps(answer).encode(), status=status, content_type="application/json")

    def _route(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        path = request.path
        if request.method == "POST":
            return self._made_by(path, body)
        if found := re.fullmatch(r"/files/([\w-]+)/content", path):
            return 200, self.files[found[1]]
        if path in ("/batches", "/messages/batches"):
            return 200, self._list(anthropic=path.startswith("/messages"))
        if found := re.fullmatch(r"/messages/batches/([\w-]+)/results", path):
            return 200, self._anthropic_results(self.batches[found[1]])
        name = path.removeprefix("/messages").removeprefix("/")
        key = name if name in self.batches else name.removeprefix("batches/")
        if key not in self.batches:
            return 404, {"error": {"message": f"no batch {key}", "code": "not_found"}}
        return 200, self._shown(self.batches[key])

    def _made_by(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/files":
            return self._upload(body)
        makers = {"/batches": self._create_openai, "/messages/batches": self._create_anthropic}
        if path in makers:
            return makers[path](json.loads(body))
        make = self._create_gemini if path.endswith(":batchGenerateContent") else self.answers
        return make(json.loads(body))

    # Making ---------------------------------------------------------------------------------------------------

    def _upload(self, body: bytes) -> tuple[int, Any]:
        assert b'name="purpose"\r\n\r\nbatch\r\n' in body
        lines = body.split(b"Content-Type: application/jsonl\r\n\r\n")[1].rsplit(b"\r\n--", 1)[0]
        name = f"file-{len(self.files)}"
        self.files[name] = lines
        return 200, {"id": name, "object": "file", "purpose": "batch", "filename": "x.jsonl"}

    def _create_openai(self, asked: dict[str, Any]) -> tuple[int, Any]:
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        assert asked["completion_window"] == "24h"
        assert {(line["method"], line["url"]) for line in lines} == {("POST", asked["endpoint"])}
        return self._made("openai", f"batch_{len(self.batches)}", {li["custom_id"]: li["body"] for li in lines}, asked)

    def _create_anthropic(self, asked: dict[str, Any]) -> tuple[int, Any]:
        requests = {one["custom_id"]: one["params"] for one in asked["requests"]}
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in requests)
        return self._made("anthropic", f"msgbatch_{len(self.batches)}", requests, {})

    def _create_gemini(self, asked: dict[str, Any]) -> tuple[int, Any]:
        batch = asked["batch"]
        inlined = batch["inputConfig"]["requests"]["requests"]
        requests = {one["metadata"]["key"]: one["request"] for one in inlined}
        return self._made("gemini", f"batches/b{len(self.batches)}", requests, batch)

    def _made(self, kind: str, name: str, requests: dict[str, Any], asked: dict[str, Any]) -> tuple[int, Any]:
        self.given.update(json.dumps(body, sort_keys=True) for body in requests.values())
        self.batches[name] = {"kind": kind, "id": name, "requests": requests, "asked": asked, "at": time.time()}
        return 200, self._shown(self.batches[name])

    # Telling --------------------------------------------------------------------------------------------------

    def _answered(self, batch: dict[str, Any]) -> dict[str, tuple[int, Any]]:
        return {
            name: self.answers(body)
            for name, body in batch["requests"].items()
            if json.dumps(body, sort_keys=True) not in self.skipped
        }

    def _list(self, *, anthropic: bool) -> dict[str, Any]:
        shown = [self._shown(batch) for batch in reversed(self.batches.values())]
        kinds = {batch["kind"] for batch in self.batches.values()}
        return {"operations": shown} if kinds == {"gemini"} else {"data": shown, "has_more": False}

    def _shown(self, batch: dict[str, Any]) -> dict[str, Any]:
        n, done = len(batch["requests"]), self.release
        at = datetime.fromtimestamp(batch["at"], UTC).isoformat().replace("+00:00", "Z")
        if batch["kind"] == "anthropic":
            counts = {"processing": 0 if done else n, "succeeded": n if done else 0, "errored": 0, "canceled": 0}
            return {
                "id": batch["id"],
                "type": "message_batch",
                "processing_status": ENDED if done else OPEN,
                "request_counts": counts | {"expired": 0},
                "created_at": at,
                "results_url": "http://127.0.0.1:9/steal-the-key",
            }
        if batch["kind"] == "gemini":
            state = "BATCH_STATE_SUCCEEDED" if done else "BATCH_STATE_RUNNING"
            shown: dict[str, Any] = {"name": batch["id"], "metadata": {"state": state, "createTime": at}}
            shown["metadata"]["displayName"] = batch["asked"]["displayName"]
            if self.refuse:
                shown["metadata"]["state"] = "BATCH_STATE_FAILED"
                return shown | {"done": True, "error": {"message": self.refuse}}
            if done:
                inlined = [
                    {"metadata": {"key": name}, **({"response": said} if status == 200 else said)}
                    for name, (status, said) in reversed(self._answered(batch).items())
                ]
                shown |= {"done": True, "response": {"inlinedResponses": {"inlinedResponses": inlined}}}
            return shown
        shown = {"id": batch["id"], "object": "batch", "created_at": int(batch["at"]), **batch["asked"]}
        if self.refuse:
            return shown | {"status": "failed", "errors": {"data": [{"code": "bad", "message": self.refuse}]}}
        if not done:
            return shown | {"status": OPEN, "output_file_id": None, "error_file_id": None}
        good, bad = [], []
        for name, (status, said) in reversed(self._answered(batch).items()):
            line = {"id": "r", "custom_id": name, "response": {"status_code": status, "body": said}, "error": None}
            (good if status == 200 else bad).append(json.dumps(line))
        for name, body in batch["requests"].items():
            if json.dumps(body, sort_keys=True) in self.skipped:
                error = {"code": "batch_expired", "message": "This request could not be executed in time."}
                bad.append(json.dumps({"id": "r", "custom_id": name, "response": None, "error": error}))
        shown |= {"status": "expired" if self.skipped else "completed"}
        for kind, lines in (("output_file_id", good), ("error_file_id", bad)):
            shown[kind] = f"{batch['id']}-{kind}" if lines else None
            self.files[f"{batch['id']}-{kind}"] = "\n".join(lines).encode()
        return shown

    def _anthropic_results(self, batch: dict[str, Any]) -> bytes:
        lines = []
        answered = self._answered(batch)
        for name in reversed(batch["requests"]):
            status, said = answered.get(name, (0, None))
            result = {"type": "succeeded", "message": said} if status == 200 else {"type": "errored", "error": said}
            result = {"type": "expired"} if status == 0 else result
            lines.append(json.dumps({"custom_id": name, "result": result}))
        return "\n".join(lines).encode()
