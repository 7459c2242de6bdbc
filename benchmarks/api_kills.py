"""What does a `kill -9` cost? Answers lost, and requests sent (and paid) twice, by the server's own count.

Run: python benchmarks/api_kills.py [--inspect [PYTHON]] [--kills K] [--parallel C ...]

`harness eval` as a user starts it is killed K times (default 20) at random moments while it has C requests in flight
(default 64, then 16); the same command goes on each time, and runs to its end at last. With --inspect, Inspect AI is
installed into a throw-away environment and killed five times at each C; `inspect eval-retry` goes on from its log.

Nobody can save what the server has not answered yet. So beside the repeats stands how many requests were at the server
at the moment of the kill, by its own clock; what is left of the repeats had been answered, and was asked again.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from _api_client import INSPECT, PROMPT, project
from api_speed import HERE, LATENCY_S, with_inspect

N, INSPECT_N, INSPECT_KILLS = 20_000, 200, 5
DRAW = random.Random(20_261_122)


class Server:
    """The benchmark's server and its count."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "_api_server.py"), str(LATENCY_S)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def asked(self) -> int:
        """Requests it was sent so far."""
        return self._said("")

    def unanswered(self, moment: float) -> int:
        """Requests it had received, and not yet answered, at a moment of the monotonic clock."""
        return self._said(repr(moment))

    def _said(self, path: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}") as answer:
            return int(answer.read())


class Kill(NamedTuple):
    """What one kill cost, by the server's count."""

    repeats: int
    unanswered: int
    """Of them, those the server had not answered when it happened."""


def killed(
    command: list[str], folder: Path, server: Server, wait_for: int, environment: dict[str, str]
) -> tuple[int, int]:
    """Start a command, kill it at a random moment after the server was asked `wait_for` times.

    Returns:
        How often the server was asked, and how many of these it had not answered at that moment.
    """
    before = server.asked()
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=os.environ | environment)
        while server.asked() < before + wait_for:
            if process.poll() is not None:
                sys.exit((folder / "out.txt").read_text()[-2000:])
            time.sleep(0.005)
        time.sleep(DRAW.uniform(0.0, 0.3))
        process.kill()
        moment = time.monotonic()
        process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    time.sleep(2 * LATENCY_S)
    return server.asked() - before, server.unanswered(moment)


def harness(server: Server, folder: Path, parallel: int, kills: int) -> tuple[list[Kill], int]:
    """Every kill, and answers lost over all of them."""
    project(folder, server.port, N, parallel)
    command = [sys.executable, "-m", "harness", "eval", "model=bench", "task=clips"]
    begun = server.asked()
    durable: set[str] = set()
    found, lost = [], 0
    for _ in range(kills):
        asked, unanswered = killed(command, folder, server, parallel, {})
        (journal,) = folder.glob("results/runs/*/journal.jsonl")
        whole = [line for line in journal.read_bytes().split(b"\n")[:-1] if line]
        held = {json.loads(line)["id"] for line in whole}
        lost += len(durable - held)
        found.append(Kill(asked - len(held - durable), unanswered))
        durable = held
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (manifest,) = folder.glob("results/runs/*/run.json")
    assert json.loads(manifest.read_text())["counts"]["answered"] == N
    assert server.asked() - begun == N + sum(kill.repeats for kill in found)
    return found, lost


def inspect(server: Server, folder: Path, parallel: int, python: Path) -> list[Kill]:
    """Every kill."""
    environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"http://127.0.0.1:{server.port}/v1"}
    options = ["--max-connections", str(parallel), "--max-samples", str(parallel), "--display", "none"]
    tool = str(python.parent / "inspect")
    found = []
    for kill in range(INSPECT_KILLS):
        place = folder / f"inspect{kill}"
        place.mkdir()
        (place / "clips.py").write_text(INSPECT.format(prompt=PROMPT, n=INSPECT_N))
        command = [tool, "eval", "clips.py", "--model", "openai/bench", "-M", "responses_api=false", *options]
        wait_for = min(INSPECT_N - parallel, 2 * parallel)
        first, unanswered = killed(command, place, server, wait_for, environment)
        (log,) = place.glob("logs/*.eval")
        before = server.asked()
        again = [tool, "eval-retry", str(log), "--max-connections", str(parallel), "--display", "none"]
        subprocess.run(again, cwd=place, check=True, capture_output=True, env=os.environ | environment)
        found.append(Kill(first + server.asked() - before - INSPECT_N, unanswered))
    return found


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inspect", nargs="?", const="", metavar="PYTHON")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--parallel", type=int, nargs="+", default=[64, 16])
    asked = parser.parse_args()
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as name:
            python = None if asked.inspect is None else with_inspect(asked.inspect, Path(name) / "inspect")
            heads = ["slots", "client", "kills", "repeats: mean", "most", "at the server", "ratio"]
            print(f"| {' | '.join([*heads, 'answered, asked again', 'lost'])} |")
            print("|---:|---|---:|---:|---:|---:|---:|---:|---:|")
            for parallel in asked.parallel:
                folder = Path(name) / str(parallel)
                folder.mkdir()
                kills, lost = harness(server, folder, parallel, asked.kills)
                show(parallel, "harness", kills, str(lost))
                if python is not None:
                    show(parallel, "inspect", inspect(server, folder, parallel, python), "-")
    finally:
        server.process.kill()
        server.process.wait()


def show(parallel: int, client: str, kills: list[Kill], lost: str) -> None:
    """One row."""
    n = len(kills)
    repeats = [kill.repeats for kill in kills]
    unanswered = sum(kill.unanswered for kill in kills) / n
    mean = sum(repeats) / n
    print(
        f"| {parallel} | {client} | {n} | {mean:.1f} | {max(repeats)} | {unanswered:.1f} | "
        f"{mean / max(unanswered, 0.1):.2f} | {mean - unanswered:.1f} | {lost} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
