"""One file per way to reach a model. Each holds one class `Backend`; `harness.core.plugins` finds it by the file's name.

    class Backend:
        parallel: int          requests it wants in flight at once
        deterministic: bool    greedy outputs do not depend on `parallel`, order or load
        def __init__(self, model: ModelSpec, weights: Path | None) -> None
        def facts(self) -> dict[str, object]
        def reply(self, request: Request) -> Reply
        def close(self) -> None

Making one is cheap: it checks its arguments and imports its package, and loads nothing yet. `facts` is what a run's
manifest says about the model: JSON, without paths and without secrets. `reply` may be called by up to `parallel`
threads at once; a request that fails is a `Reply` with `error` set, and only what makes every further request
pointless is a `BackendError`. A backend that is better served in batches has, instead of `reply`,
`replies(requests) -> Iterator[tuple[Request, Reply]]`, which yields in any order as the answers land. One that waits
for a network has, instead, coroutines for one event loop: `open()`, `prepare(kinds)` (refuse what the server cannot
do, before the first request), `areply(request) -> Reply` up to `parallel` times at once, `aclose()`.

Optional on the class: `billed(model) -> bool` (every answer costs money: prices, budgets and reuse apply), `kinds` (the
requests it can answer; others are refused while planning), `check(model)` (reads the arguments, needs no key).
"""
