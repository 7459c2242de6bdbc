"""Shows a written report on this machine alone: the page, and the file beside it in ranges (RFC 9110, section 14)."""

from __future__ import annotations

import http
import re
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

from harness.core import say
from harness.errors import ConfigError

HOST = "127.0.0.1"
KINDS = {".html": "text/html; charset=utf-8", ".parquet": "application/vnd.apache.parquet"}
RANGE = re.compile(r"bytes=(\d+)-(\d*)")
PIECE = 1 << 20


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD with a file of `served`, or the range of it that was asked for."""

    protocol_version = "HTTP/1.1"
    served: ClassVar[Mapping[str, Path]] = {}

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _answer(self, *, body: bool) -> None:
        path = self.served.get(unquote(urlsplit(self.path).path))
        # A page elsewhere whose name resolves to this machine may not read the report (DNS rebinding).
        if self.headers.get("Host", "").rpartition(":")[0] not in {HOST, "localhost"}:
            self._head(http.HTTPStatus.FORBIDDEN, {})
        elif path is None or not path.is_file():
            self._head(http.HTTPStatus.NOT_FOUND, {})
        else:
            self._send(path, body=body)

    def _send(self, path: Path, *, body: bool) -> None:
        size = path.stat().st_size
        start, end = 0, size
        headers = {
            "Content-Type": KINDS.get(path.suffix, "application/octet-stream"),
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        status = http.HTTPStatus.OK
        if asked := RANGE.fullmatch(self.headers.get("Range", "")):
            start, end = int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size
            if start >= end:
                self._head(http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"})
                return
            status = http.HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._head(status, headers, end - start)
        if body:
            with path.open("rb") as file:
                file.seek(start)
                left = end - start
                while left > 0 and (piece := file.read(min(PIECE, left))):
                    self.wfile.write(piece)
                    left -= len(piece)

    def _head(self, status: http.HTTPStatus, headers: Mapping[str, str], length: int = 0) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()


def server(files: Sequence[Path], port: int = 0) -> ThreadingHTTPServer:
    """A server of these files and of nothing else, on the loopback address.

    Args:
        files: what to serve, by their names. The first is served as `/` too.
        port: 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """
    served = {f"/{path.name}": path for path in files} | {"/": files[0]}
    handler = type("Handler", (_Handler,), {"served": served})
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror}; another one, or 0 for a free one") from error


def serve(files: Sequence[Path], port: int = 0) -> None:
    """Serve until interrupted, and say where."""
    with server(files, port) as running:
        say(f"http://{HOST}:{running.server_address[1]}/{quote(files[0].name)} (Ctrl-C ends it)")
        running.serve_forever()
