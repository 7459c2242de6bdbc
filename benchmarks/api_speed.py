"""How fast are API models asked, beside a bare aiohttp loop, lm-eval's `local-chat-completions` and Inspect AI?

Run: python benchmarks/api_speed.py [--inspect [PYTHON]] [--repeats K] [--errors SHARE] [N:C ...]

Each client is a process of its own against one server on loopback that answers after 50 ms. N requests at concurrency
C; default 500 and 5,000 at 1, 16, 64, 128, 512, and 100,000 at 512 for the memory. The clients take turns, K times
(default 1; once where C is 1 or N is 100,000), and the run with the shortest sending counts.

With --errors the server answers that share of requests with 500; every client asks again until all are answered, and
`sent` says how many requests the server was sent for each that was answered (1 / (1 - SHARE) at best).

`rate` is requests per second while sending, `of bare` that rate over the bare loop's, `ms/sample` the CPU time of
sending, `start` the CPU seconds before the first request, `total` those of the whole process, imports and scoring and
Parquet included.

lm-eval needs `tenacity`. With --inspect, Inspect AI is installed into a throw-away environment (pip asks the registry;
--inspect PYTHON uses one that has it), and takes part once at each size up to 5,000, which takes it three minutes.
All of it: `python benchmarks/api_speed.py --inspect --repeats 3`, an hour and a quarter, mostly waiting; run it on a
quiet machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
LATENCY_S = 0.05
SIZES = [f"{n}:{parallel}" for n in (500, 5000) for parallel in (1, 16, 64, 128, 512)] + ["100000:512"]
INSPECT_MOST = 5000
MANY = 5000
"""More than this is asked once."""


def with_inspect(given: str, folder: Path) -> Path:
    """A Python with Inspect AI and nothing of ours: the given one, or a new one in `folder`."""
    if given:
        return Path(given)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "inspect-ai", "openai"], check=True)
    return python


def measured(python: Path | str, name: str, port: str, n: str, parallel: str) -> dict[str, float] | None:
    """One client's figures; `None` where it failed."""
    command = [str(python), str(HERE / "_api_client.py"), name, port, n, parallel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{name} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def asked(port: str) -> int:
    """Requests the server was sent so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        return int(answer.read())


def main() -> None:
    """Run every client at every size and print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inspect", nargs="?", const="", metavar="PYTHON")
    parser.add_argument("--errors", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("sizes", nargs="*", default=SIZES, metavar="N:C")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clients: dict[str, Path | str] = dict.fromkeys(("bare", "harness", "lm_eval"), sys.executable)
        if given.inspect is not None:
            clients["inspect"] = with_inspect(given.inspect, Path(folder) / "inspect")
        command = [sys.executable, str(HERE / "_api_server.py"), str(LATENCY_S), str(given.errors)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            print(
                "| requests | at once | client | wall s | rate | of bare | ms/sample | start | total | peak MB | sent |"
            )
            print("|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|")
            for size in given.sizes:
                n, parallel = size.split(":")
                table(clients, port, n, parallel, 1 if parallel == "1" or int(n) > MANY else given.repeats)
        finally:
            server.kill()
            server.wait()


def table(clients: dict[str, Path | str], port: str, n: str, parallel: str, repeats: int) -> None:
    """The rows of one size."""
    best: dict[str, dict[str, float]] = {}
    for turn in range(repeats):
        for name, python in clients.items():
            if name != "inspect" or (turn == 0 and int(n) <= INSPECT_MOST):
                before = asked(port)
                found = measured(python, name, port, n, parallel)
                if found:
                    found["sent"] = asked(port) - before
                if found and (name not in best or found["wall_s"] < best[name]["wall_s"]):
                    best[name] = found
    for name, row in best.items():
        share = best["bare"]["wall_s"] / row["wall_s"]
        print(
            f"| {int(n):,} | {parallel} | {name} | {row['wall_s']:.2f} | {int(n) / row['wall_s']:.0f} | {share:.2f} | "
            f"{1000 * row['cpu_s'] / int(n):.2f} | {row['start_cpu_s']:.1f} | {row['total_cpu_s']:.1f} | "
            f"{row['peak_mb']:.0f} | {row['sent'] / int(n):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
