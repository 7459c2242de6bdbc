"""A chat completions server for benchmarks: answers every request after a fixed time, at next to no cost.

    python benchmarks/_api_server.py LATENCY_S [ERRORS]

Of ERRORS (a share, default 0) of the requests it answers 500, spread evenly, after the same time.

Prints its port. `GET /` says how many requests it was sent. `GET /T` says how many of them it had received, and not yet
answered, at the moment T of the system's monotonic clock; ask when all of them are answered. Written on asyncio's bare
protocol, so that the server is not what is measured.
"""

import asyncio
import json
import sys
import time
from typing import ClassVar

BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "The answer is 42. " * 20, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 60, "completion_tokens": 100, "total_tokens": 160},
        "system_fingerprint": "fp_1",
    }
).encode()
FAULT = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n"
    b'{"error": {"message": "try again"}}'
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


class Chat(asyncio.Protocol):
    """Counts the bytes of a request's body and answers once it is whole; one request at a time on a connection."""

    asked = 0
    errors = 0.0
    served: ClassVar[list[tuple[float, float]]] = []
    """When each request was received and answered."""

    def __init__(self, latency: float) -> None:
        self.latency, self.data = latency, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when the body is whole."""
        self.data += data
        head, found, body = self.data.partition(b"\r\n\r\n")
        if found and head.startswith(b"GET"):
            moment = head.split(b" ", 2)[1][1:]
            open_then = sum(received <= float(moment) < answered for received, answered in Chat.served) if moment else 0
            count = str(open_then if moment else Chat.asked).encode()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(count), count)
            )
            self.transport.close()
        elif found:
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if len(body) >= (int(lengths[0][15:]) if lengths else 0):
                self.data = b""
                Chat.asked += 1
                asyncio.get_running_loop().call_later(self.latency, self.answer, time.monotonic())

    def answer(self, received: float) -> None:
        """Send the one answer."""
        Chat.served.append((received, time.monotonic()))
        if not self.transport.is_closing():
            # By the golden ratio: a request and its next try do not meet errors in step.
            failed = (len(Chat.served) * 0.618033988749895) % 1 < Chat.errors
            self.transport.write(FAULT if failed else HEAD + BODY)


async def main(latency: float, errors: float = 0.0) -> None:
    """Serve until killed."""
    Chat.errors = errors
    server = await asyncio.get_running_loop().create_server(lambda: Chat(latency), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(float, sys.argv[1:])))
