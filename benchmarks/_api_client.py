"""One measured client of `api_speed.py`: sends N chat requests at concurrency C and prints what it took, as JSON.

    python benchmarks/_api_client.py bare|harness|lm_eval|inspect PORT N C

`wall_s` and `cpu_s` are of the sending alone, from the first request to the last answer recorded; `start_cpu_s` is the
processor time before it (imports, planning), `total_cpu_s` that of the whole process, `peak_mb` its memory.
"""

import asyncio
import contextlib
import io
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

PROMPT = "Natalia sold clips to {i} of her friends in April, and then half as many in May. How many did she sell? " * 2


def cpu() -> float:
    """Processor seconds of this process so far."""
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


class Clock:
    """Takes the times of the sending."""

    def __enter__(self) -> Self:
        self.start_cpu, self.begun = cpu(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self.begun, cpu() - self.start_cpu


def bare(port: int, n: int, parallel: int) -> Clock:
    """The floor: an aiohttp loop that keeps the answers' texts in memory and records nothing.

    It asks again after an error, with harness's first wait each time.
    """
    import aiohttp

    async def main() -> Clock:
        waiting = iter(range(n))
        texts = []
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def work() -> None:
                for i in waiting:
                    body = {
                        "model": "bench",
                        "messages": [{"role": "user", "content": PROMPT.format(i=i)}],
                        "max_tokens": 256,
                        "temperature": 0.0,
                        "seed": 1234,
                    }
                    while True:
                        async with session.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as response:
                            said = await response.json()
                        if "choices" in said:
                            break
                        await asyncio.sleep(random.uniform(0, 0.5))
                    texts.append(said["choices"][0]["message"]["content"])

            with Clock() as clock:
                await asyncio.gather(*(work() for _ in range(parallel)))
        assert len(texts) == n
        return clock

    return asyncio.run(main())


TASK = """\
# Clips.
task: clips
custom_dataset: !function clips.load
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "42"
generation_kwargs: {until: [], max_gen_toks: 256, do_sample: false, temperature: 0.0}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0, kind: other, headline: exact_match}
"""


def _task(folder: Path, n: int) -> None:
    folder.mkdir(parents=True)
    (folder / "clips.yaml").write_text(TASK)
    (folder / "clips.py").write_text(
        "from harness.taskdata import splits\n\n\ndef load(**_):\n"
        f"    return splits({{'question': {PROMPT!r}.format(i=i)}} for i in range({n}))\n"
    )


def project(folder: Path, port: int, n: int, parallel: int) -> None:
    """A folder for `harness eval model=bench task=clips`."""
    _task(folder / "tasks", n)
    model = {
        "name": "bench",
        "backend": "openai_chat",
        "args": {"model": "bench", "base_url": f"http://127.0.0.1:{port}/v1"},
        "parallel": parallel,
        "connect": {"retries": 30},  # for a server half of whose answers are errors: all are to be answered
    }
    (folder / "conf" / "model").mkdir(parents=True)
    (folder / "conf" / "model" / "bench.yaml").write_text(f"# @package models.bench\n{json.dumps(model)}\n")


def harness(port: int, n: int, parallel: int) -> Clock:
    """`harness eval`, every reply flushed to the disk before its slot asks again, down to samples.parquet."""
    import aiohttp  # noqa: F401 - the others have it before their clocks start: an import is no sending

    from harness.cli import config
    from harness.evaluation import evaluator as evaluation

    project(Path(), port, n, parallel)
    clock = Clock()
    ask = evaluation.ask

    def timed(*arguments: Any) -> Any:
        with clock:
            return ask(*arguments)

    evaluation.ask = timed
    outcome = evaluation.evaluate(config.compose(["model=bench", "task=clips"]), quiet=True)
    assert outcome.manifest.counts.answered == n
    return clock


def lm_eval(port: int, n: int, parallel: int) -> Clock:
    """lm-eval's `local-chat-completions`: nothing but the texts is kept, and nothing is durable before the end."""
    os.environ["OPENAI_API_KEY"] = "none"
    from lm_eval import evaluator
    from lm_eval.models.openai_completions import LocalChatCompletion
    from lm_eval.tasks import TaskManager

    _task(Path("tasks"), n)
    clock = Clock()
    generate = LocalChatCompletion.generate_until

    def timed(self: Any, *arguments: Any, **named: Any) -> Any:
        with clock:
            return generate(self, *arguments, **named)

    LocalChatCompletion.generate_until = timed
    result = evaluator.simple_evaluate(
        model="local-chat-completions",
        model_args={
            "model": "bench",
            "base_url": f"http://127.0.0.1:{port}/v1/chat/completions",
            "num_concurrent": parallel,
            "tokenized_requests": False,
            "eos_string": "</s>",
        },
        tasks=["clips"],
        task_manager=TaskManager(include_path="tasks", include_defaults=False),
        apply_chat_template=True,
        bootstrap_iters=0,
    )
    assert result["n-samples"]["clips"]["effective"] == n
    return clock


INSPECT = """\
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import match


@task
def clips():
    data = MemoryDataset([Sample(input={prompt!r}.format(i=i), target="42") for i in range({n})])
    return Task(dataset=data, scorer=match(), config=GenerateConfig(max_tokens=256, temperature=0.0, seed=1234))
"""


def inspect(port: int, n: int, parallel: int) -> Clock:
    """Inspect AI's `eval` through its OpenAI provider, with its log as it comes; the whole eval is timed."""
    os.environ |= {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    from inspect_ai import eval as evaluate

    Path("clips.py").write_text(INSPECT.format(prompt=PROMPT, n=n))
    with Clock() as clock:
        (log,) = evaluate(
            "clips.py",
            model="openai/bench",
            model_args={"responses_api": False},
            max_connections=parallel,
            max_samples=parallel,
            display="none",
            log_dir="logs",
        )
    assert log.status == "success"
    assert len(log.samples or ()) == n
    return clock


if __name__ == "__main__":
    name, port, n, parallel = sys.argv[1], *map(int, sys.argv[2:5])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with contextlib.redirect_stdout(io.StringIO()):
            clock = globals()[name](port, n, parallel)
        os.chdir("/")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(
        json.dumps(
            {
                "wall_s": clock.wall,
                "cpu_s": clock.cpu,
                "start_cpu_s": clock.start_cpu,
                "total_cpu_s": cpu(),
                "peak_mb": peak,
            }
        )
    )
