"""What the SQL index holds: every table, view and column with its type, unit and meaning.

`store.py` creates the index from this and puts the texts into it as comments; the table part of
`docs/schema.md` is `markdown()`. Data only, so that reading it needs no database.
"""

from __future__ import annotations

from dataclasses import dataclass

DOCS_BEGIN = "<!-- schema: made by harness.results.schema.markdown() -->"
DOCS_END = "<!-- /schema -->"
"""Between these two lines of `docs/schema.md` stands `markdown()`; a test compares them."""
VERSION = 7
"""Of this schema. An index of another version is rebuilt, never read."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: str
    """DuckDB's name of the type. Times are UTC."""
    comment: str
    required: bool = False
    """Never null."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table, or a view where `sql` is set."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    sql: str | None = None
    """The select of a view."""


def _c(name: str, kind: str, comment: str) -> Column:
    """A column; a `!` behind its type means never null."""
    return Column(name, kind.rstrip("!"), comment, required=kind.endswith("!"))


_RUN = _c("run_id", "VARCHAR!", "The run, and the name of its folder under results/runs/.")
_SAMPLE = _c("sample_id", "VARCHAR!", "The sample, unique within its run.")
_MODEL = _c("model", "VARCHAR!", "The model's name in results.")
_TASK = _c("task", "VARCHAR!", "The task's name.")

_METHOD = "How the interval was made: a method of harness/stats/intervals.py, or of harness/stats/pairs.py for a difference."

GAP = 0.01
"""A figure of lm-eval's own that is further than this from ours is pointed out."""
FEW_DOCUMENTS = 100
"""Below so many scored documents, the weight of a single one is stated."""
_INTERVAL = (
    _c("value", "DOUBLE", "Mean over the scored documents, in the metric's own unit; null where n is 0."),
    _c(
        "ci_low",
        "DOUBLE",
        "Lower limit of the 95 % interval, in the unit of value; null where there is none.",
    ),
    _c(
        "ci_high",
        "DOUBLE",
        "Upper limit of the 95 % interval, in the unit of value; null where there is none.",
    ),
    _c("ci_method", "VARCHAR", _METHOD),
    _c("n", "BIGINT!", "Documents with at least one scored answer."),
    _c(
        "n_unscored", "BIGINT!", "Samples without a score, failed and refused ones among them: counted, never averaged."
    ),
    _c("coverage", "DOUBLE", "Share of the samples that were scored, 0 to 1."),
    _c("n_failed", "BIGINT!", "Samples without any answer: never counted as wrong."),
    _c("n_truncated", "BIGINT!", "Samples cut off at the token limit."),
    _c("n_refused", "BIGINT!", "Samples declined by the model or its server."),
    _c(
        "sandbox",
        "VARCHAR",
        "Tiers that model-written code ran in: A, B, C, or unsafe, which is none; with `(forgeable)` where tests ran "
        "in the code's own process; null where no code ran.",
    ),
    _c("is_headline", "BOOLEAN!", "True for the one number per task that the leaderboard's column shows."),
)

TABLES = (
    Table(
        "meta",
        "Facts about the index itself, one row each.",
        (
            _c("key", "VARCHAR!", "schema_version or harness_version."),
            _c("value", "VARCHAR!", "The version that made this index; another version rebuilds it."),
        ),
    ),
    Table(
        "runs",
        "One row per run folder: one evaluation of some models on some tasks under one seed.",
        (
            _RUN,
            _c("name", "VARCHAR!", "The word in front of the run id."),
            _c("status", "VARCHAR!", "complete; incomplete (ended, but some requests failed); or running."),
            _c("imported", "BOOLEAN!", "True where the answers were made elsewhere, not by this harness."),
            _c("harness_version", "VARCHAR!", "The version that made the run."),
            _c("started_at", "TIMESTAMP", "When the run first started, UTC."),
            _c("finished_at", "TIMESTAMP", "When the run ended, UTC; null while it runs."),
            _c("argv", "VARCHAR[]", "The command line, word by word."),
            _c("spec", "JSON!", "What was asked, resolved: models, tasks, decoding, sandbox, seed."),
            _c("spec_hash", "VARCHAR!", "Identity of what was asked: equal hashes asked the same."),
            _c("samples", "BIGINT", "Samples of all models and tasks; the counts are null while it runs."),
            _c("answered", "BIGINT", "Samples with a whole answer."),
            _c("truncated", "BIGINT", "Samples cut off at the token limit."),
            _c("refused", "BIGINT", "Samples declined by the model or its server."),
            _c("failed", "BIGINT", "Samples without any answer."),
            _c("prompt_tokens", "BIGINT", "Tokens sent, as the servers counted them; null is unknown."),
            _c(
                "completion_tokens",
                "BIGINT",
                "Tokens written, reasoning included where servers do so; null is unknown.",
            ),
            _c("reasoning_tokens", "BIGINT", "Tokens of reasoning; null is unknown."),
            _c("cached_tokens", "BIGINT", "Prompt tokens served from a cache; null is unknown."),
            _c("cost_usd", "DOUBLE", "US dollars spent on API models by the prices of that day; null is unknown."),
            _c("packages", "JSON", "Version of every package that matters, by name."),
            _c("git_commit", "VARCHAR", "Commit of the checkout harness ran from; null outside of one."),
            _c("git_dirty", "BOOLEAN", "True where that checkout had uncommitted changes."),
            _c("platform", "JSON", "Operating system, Python and hardware."),
            _c(
                "root",
                "VARCHAR",
                "Hash that stands for the whole run folder (harness/runs/proof.py); null while it runs, and for old runs.",
            ),
            _c(
                "fingerprint",
                "VARCHAR!",
                "State of the run folder's files when indexed: tells what to index again.",
            ),
        ),
    ),
    Table(
        "models",
        "One row per run and model: how the model was reached.",
        (
            _RUN,
            _MODEL,
            _c("backend", "VARCHAR!", "The file in harness/backends/ that reached it."),
            _c("args", "JSON", "What the backend was given: a model id, a base URL, a context length."),
            _c("chat", "BOOLEAN", "True where messages went through the chat template, false for plain text."),
            _c("system", "VARCHAR", "The system message before every conversation; null is none."),
            _c("weights_name", "VARCHAR", "File name of the weights; null where harness loaded no file."),
            _c("weights_sha256", "VARCHAR", "SHA-256 of the weights, in hex."),
            _c("weights_size", "BIGINT", "Size of the weights, in bytes."),
            _c(
                "control_of",
                "VARCHAR",
                "Set for a positive control: known to be a relative of the model named.",
            ),
            _c("deterministic", "BOOLEAN", "True where greedy answers depend on neither load nor order."),
            _c(
                "facts",
                "JSON",
                "What the backend reports of itself: runtime version, context length, device.",
            ),
        ),
    ),
    Table(
        "tasks",
        "One row per run and task.",
        (
            _RUN,
            _TASK,
            _c("kind", "VARCHAR!", "math, code or provenance (lm-eval's own tasks may say something else)."),
            _c("version", "VARCHAR", "The task's version."),
            _c("builtin", "BOOLEAN", "True for a task that lm-eval ships."),
            _c("task_hash", "VARCHAR", "Identity of the task's files."),
            _c("docs_hash", "VARCHAR", "Identity of the documents that were asked."),
            _c("data_sha256", "VARCHAR", "SHA-256 of a local data file, in hex; null where none was given."),
            _c(
                "scorer",
                "VARCHAR",
                "The file in harness/scorers/; null where lm-eval scores, or nobody does.",
            ),
            _c(
                "headline_metric",
                "VARCHAR",
                "The metric of the leaderboard's column; null where nothing is scored.",
            ),
            _c("headline_filter", "VARCHAR", "The filter of that metric."),
            _c("higher_is_better", "BOOLEAN", "False where a lower number is the better one."),
            _c("n_docs", "BIGINT", "Documents that were asked."),
            _c("repeats", "BIGINT", "Samples per document."),
            _c("num_fewshot", "BIGINT", "Solved examples in the prompt."),
            _c("licence", "VARCHAR", "Licence of the documents."),
            _c("source", "VARCHAR", "Where the task comes from."),
            _c(
                "cluster",
                "VARCHAR",
                "Field of a document that names its source; documents that share one are not independent.",
            ),
        ),
    ),
    Table(
        "samples",
        "One row per sample: one answer of one model to one document.",
        (
            _RUN,
            _MODEL,
            _TASK,
            _c("doc_id", "BIGINT!", "Position of the document in its task, from 0."),
            _c("repeat", "INTEGER!", "Which of the task's repeats, from 0."),
            _SAMPLE,
            _c("status", "VARCHAR!", "answered, truncated (cut off at the token limit), refused, or failed."),
            _c("kind", "VARCHAR!", "generate, loglikelihood or loglikelihood_rolling."),
            _c("messages", "JSON", "The conversation sent; null where plain text was."),
            _c("prompt", "VARCHAR", "The plain text sent; null where a conversation was."),
            _c("doc", "JSON!", "The task's document."),
            _c(
                "target",
                "VARCHAR",
                "The gold answer as the task renders it; null where nothing is right or wrong.",
            ),
            _c("output", "VARCHAR", "The answer without its reasoning; null where there is none."),
            _c("reasoning", "VARCHAR", "The reasoning trace; null where there is none."),
            _c("reasoning_kind", "VARCHAR", "full, summary, redacted or none."),
            _c("finish_reason", "VARCHAR", "stop, length, content_filter, refusal, or the server's own word."),
            _c("error", "VARCHAR", "Why there is no answer; null where there is one."),
            _c("seed", "BIGINT", "Seed the answer was sampled with."),
            _c("decoding", "JSON", "max_tokens, temperature, top_p, top_k, stop; null for loglikelihoods."),
            _c("continuations", "VARCHAR[]", "The texts whose loglikelihood was asked for; null for generations."),
            _c("request_ids", "VARCHAR[]", "Identities of its requests: one, or one per choice."),
            _c("loglikelihoods", "DOUBLE[]", "Natural-log likelihood of every choice; null for generations."),
            _c("prompt_tokens", "BIGINT", "Tokens sent; null is unknown."),
            _c("completion_tokens", "BIGINT", "Tokens written; null is unknown."),
            _c("reasoning_tokens", "BIGINT", "Tokens of reasoning; null is unknown."),
            _c("cached_tokens", "BIGINT", "Prompt tokens served from a cache; null is unknown."),
            _c("started_at", "TIMESTAMP", "When the answered request went out, UTC."),
            _c("latency_s", "DOUBLE", "Seconds from request to the whole answer."),
            _c("ttfb_s", "DOUBLE", "Seconds to the first byte of the answer."),
            _c("served_model", "VARCHAR", "The model name the server reported."),
            _c("system_fingerprint", "VARCHAR", "The server's word for its configuration."),
            _c("response_id", "VARCHAR", "The server's id of the response."),
            _c("request_bodies", "VARCHAR[]", "Every request's body as it was sent over HTTP; null where none was."),
            _c("request_sha256", "VARCHAR[]", "SHA-256 of each body's UTF-8 bytes, in hex."),
            _c("reused_from", "VARCHAR", "The run this answer was taken from instead of asking again; null is none."),
            _c(
                "removed",
                "JSON",
                "What was taken off the output before it was graded: a list of what (reasoning, token, turn), why, the "
                "beginning of the text, chars; null where nothing was.",
            ),
        ),
    ),
    Table(
        "attempts",
        "One row per try that did not succeed, before the reply that was kept.",
        (
            _RUN,
            _SAMPLE,
            _c("attempt", "BIGINT!", "Which try of its sample, from 0, oldest first."),
            _c("attempted_at", "TIMESTAMP", "When, UTC."),
            _c("error", "VARCHAR", "What went wrong."),
            _c("status", "BIGINT", "HTTP status, where there was one."),
        ),
    ),
    Table(
        "scores",
        "One row per sample, metric and filter.",
        (
            _RUN,
            _SAMPLE,
            _c("metric", "VARCHAR!", "Name of the number."),
            _c("filter", "VARCHAR", "lm-eval's filter that prepared the answer, or the scorer's own."),
            _c("scorer", "VARCHAR", "Who scored."),
            _c("value", "DOUBLE", "In the metric's own unit, 0 to 1 for shares; null is unscored."),
            _c("status", "VARCHAR", "A word of the scorer's own: correct, wrong, no_answer, timeout."),
            _c("extracted", "VARCHAR", "The part of the answer that was judged."),
            _c("explanation", "VARCHAR", "Why the value is what it is."),
            _c("detail", "JSON", "Further facts of the scorer: rule used, CPU seconds, sandbox tier."),
        ),
    ),
    Table(
        "metrics",
        "One row per run, model, task, metric and filter, with its interval.",
        (
            _RUN,
            _MODEL,
            _TASK,
            _c("metric", "VARCHAR!", "Name of the number."),
            _c("filter", "VARCHAR", "lm-eval's filter that prepared the answers, or the scorer's own."),
            _c("scorer", "VARCHAR", "Who scored."),
            *_INTERVAL,
        ),
    ),
    Table(
        "answered",
        "One row per run, model and task: how much of it was answered; what `chosen` goes by.",
        (
            _RUN,
            _MODEL,
            _TASK,
            _c("docs", "BIGINT!", "Documents with at least one reply (answered, truncated or refused)."),
        ),
    ),
    Table(
        "documents",
        "One row per run, model, task and document with a headline score, over its repeats.",
        (
            _RUN,
            _MODEL,
            _TASK,
            _c("metric", "VARCHAR!", "The headline metric."),
            _c("document", "VARCHAR!", "MD5 of the document's content, in hex: the same in every run that asked it."),
            _c(
                "source",
                "VARCHAR",
                "What it was made from (`tasks.cluster`); null where it shares that with none.",
            ),
            _c("total", "DOUBLE!", "Sum of the headline metric over its scored repeats."),
            _c("count", "BIGINT!", "How many repeats those are."),
            _c("is_binary", "BOOLEAN!", "True where each of them is 0 or 1."),
            _c("answer", "VARCHAR", "The first answer judged right or wrong: its judged part, or its choice, from 1."),
            _c("correct", "DOUBLE", "The score of that answer, 0 or 1; null where there is none."),
            _c("options", "BIGINT", "How many choices it had; null where it was written freely."),
        ),
    ),
    Table(
        "comparisons",
        "One row per task and pair of models: the headline metric on the documents that both chosen runs scored.",
        (
            _TASK,
            _c("metric", "VARCHAR!", "The headline metric."),
            _c("model_a", "VARCHAR!", "One of the pair; before model_b in the alphabet."),
            _c("model_b", "VARCHAR!", "The other."),
            _c("run_a", "VARCHAR!", "The run that speaks for model_a."),
            _c("run_b", "VARCHAR!", "The run that speaks for model_b."),
            _c("same_task", "BOOLEAN!", "True where both runs asked with the same task files and worked examples."),
            _c("n", "BIGINT!", "Documents scored for both, matched by their content."),
            _c("n_sources", "BIGINT!", "Sources among them; n where no two share one."),
            _c("value_a", "DOUBLE!", "Mean of model_a over these documents."),
            _c("value_b", "DOUBLE!", "Mean of model_b over these documents."),
            _c("difference", "DOUBLE!", "value_a - value_b."),
            _c("ci_low", "DOUBLE", "Lower limit of its 95 % interval; null where the data give none."),
            _c("ci_high", "DOUBLE", "Upper limit of its 95 % interval; null where the data give none."),
            _c("ci_method", "VARCHAR!", _METHOD),
            _c("std_error", "DOUBLE", "Standard error of the difference."),
            _c("df", "DOUBLE", "Degrees of freedom of the standard error; null is the normal distribution."),
            _c("p_value", "DOUBLE", "Two-sided, of equal models; not adjusted for the other rows."),
            _c("test", "VARCHAR!", "mcnemar_exact, sign_flip_exact, paired_t or none: see harness/stats/pairs.py."),
            _c("a_better", "BIGINT!", "Documents on which model_a has the higher mean over repeats."),
            _c("b_better", "BIGINT!", "Documents on which model_b has the higher mean over repeats."),
            _c(
                "detectable",
                "DOUBLE",
                "Smallest true difference that these documents would have shown with 80 % power.",
            ),
        ),
    ),
    Table(
        "similarities",
        "One row per pair of models and channel. Not calibrated yet: evidence, not proof of copying.",
        (
            _c("model_a", "VARCHAR!", "One of the pair; before model_b in the alphabet."),
            _c("model_b", "VARCHAR!", "The other."),
            _c("channel", "VARCHAR!", "How likeness was measured: a file in harness/provenance/."),
            _c(
                "value",
                "DOUBLE!",
                "Similarity, 0 to 1; 1 is identical texts. What it is between strangers is not known yet.",
            ),
            _c(
                "ci_low",
                "DOUBLE",
                "Lower limit of the 95 % bootstrap interval over prompts; null where the data give none.",
            ),
            _c(
                "ci_high",
                "DOUBLE",
                "Upper limit of the 95 % bootstrap interval over prompts; null where the data give none.",
            ),
            _c("n", "BIGINT!", "Prompts that both models answered."),
            _c(
                "calibrated",
                "BOOLEAN!",
                "True where value was read against pairs known to be unrelated; false for now.",
            ),
            _c("task", "VARCHAR!", "The task whose answers were compared."),
            _c(
                "domain",
                "VARCHAR",
                "The domain of the prompts that were compared, as their documents say; null is all of them.",
            ),
        ),
    ),
    Table(
        "identity_claims",
        "One row per model and identity it claimed when asked who it is. No proof: models misname themselves.",
        (
            _MODEL,
            _c(
                "claimed",
                "VARCHAR!",
                "The family of models claimed; (none) is the answers that claim no known one.",
            ),
            _c(
                "share",
                "DOUBLE!",
                "Share of the answers that claim it, 0 to 1, prompts weighing the same. One answer may claim several.",
            ),
            _c("ci_low", "DOUBLE", "Lower limit of the 95 % interval over prompts."),
            _c("ci_high", "DOUBLE", "Upper limit of the 95 % interval over prompts."),
            _c("ci_method", "VARCHAR!", _METHOD),
            _c("n", "BIGINT!", "Identity prompts that the model answered."),
            _c(
                "calibrated",
                "BOOLEAN!",
                "True where base_share is that of at least five models.",
            ),
            _c("base_share", "DOUBLE", "Mean share of the same claim over models of other families; null where none."),
            _c("base_n", "BIGINT!", "Models of other families behind base_share, as their names give them away."),
            _c("base_claiming", "BIGINT!", "How many of those claim it at least once."),
            _c("task", "VARCHAR!", "The task whose answers were read."),
        ),
    ),
    Table(
        "suggested_identities",
        "One row per model, family and condition: how readily it agrees to be called that. Reported, never weighed.",
        (
            _MODEL,
            _c("family", "VARCHAR!", "The family whose names were offered."),
            _c("condition", "VARCHAR!", "all; a language (en, zh); no system message, or system message."),
            _c(
                "share",
                "DOUBLE!",
                "Share of answers that agree to a name of the family, 0 to 1, wordings weighing the same.",
            ),
            _c("ci_low", "DOUBLE!", "Lower limit of its 95 % interval over wordings."),
            _c("ci_high", "DOUBLE!", "Upper limit of its 95 % interval over wordings."),
            _c("n", "BIGINT!", "Wordings that were answered."),
            _c("decoy_share", "DOUBLE!", "The same share for names that nobody's model has: how suggestible it is."),
            _c("decoy_low", "DOUBLE!", "Lower limit of its 95 % interval."),
            _c("decoy_high", "DOUBLE!", "Upper limit of its 95 % interval."),
            _c("decoy_n", "BIGINT!", "Wordings behind decoy_share."),
            _c("excess", "DOUBLE!", "share less decoy_share."),
            _c("excess_low", "DOUBLE!", "Lower limit of its 95 % interval (Newcombe 1998)."),
            _c("excess_high", "DOUBLE!", "Upper limit of its 95 % interval (Newcombe 1998)."),
            _c(
                "base_excess",
                "DOUBLE",
                "Mean excess of models of other families, as their names tell; null where none.",
            ),
            _c("base_n", "BIGINT!", "How many those are."),
            _c("base_above", "BIGINT!", "How many of those have excess_low above 0."),
            _c("task", "VARCHAR!", "The task whose answers were read."),
        ),
    ),
    Table(
        "agreements",
        "One row per pair of models and probe: choices, refusals, next words. Evidence, not proof of copying.",
        (
            _c("model_a", "VARCHAR!", "One of the pair; before model_b in the alphabet."),
            _c("model_b", "VARCHAR!", "The other."),
            _c(
                "channel",
                "VARCHAR!",
                "choices, refusals or next_words: a file in harness/provenance/ that says the formula.",
            ),
            _c("value", "DOUBLE!", "Agreement; 1 is full. Choices and next words from 0, refusals from -1."),
            _c("ci_low", "DOUBLE", "Lower limit of its 95 % interval over prompts."),
            _c("ci_high", "DOUBLE", "Upper limit of its 95 % interval over prompts."),
            _c("n", "BIGINT!", "Prompts that both answered."),
            _c("expected", "DOUBLE", "What the null makes likely; null where there is none."),
            _c("null_model", "VARCHAR!", "The null that p is of, and what a small p says."),
            _c("p", "DOUBLE", "Of that null, one-sided; null where it cannot be tested."),
            _c("task", "VARCHAR!", "The task whose answers were compared."),
        ),
    ),
    Table(
        "evidence",
        "One row per model: the calibrated evidence of whom its answers resemble. Evidence, not proof of copying.",
        (
            _MODEL,
            _c("verdict", "VARCHAR!", "resembles, none (of those tested), not enough prompts, or untestable."),
            _c("nearest", "VARCHAR", "The candidate with the strongest evidence; null where none could be tested."),
            _c("score", "DOUBLE", "Its distance from models that cannot be related, in their standard deviations."),
            _c("ci_low", "DOUBLE", "Lower limit of the 95 % jackknife interval over prompts."),
            _c("ci_high", "DOUBLE", "Upper limit of the 95 % jackknife interval over prompts."),
            _c("p", "DOUBLE", "Against pairs known to be unrelated, one-sided."),
            _c("q", "DOUBLE", "p adjusted over all of the model's candidates (Benjamini-Hochberg)."),
            _c("null_size", "BIGINT", "Models that cannot have learnt from nearest."),
            _c("candidates", "BIGINT!", "Candidates that were looked at."),
            _c("tested", "BIGINT!", "Candidates that could be tested."),
            _c("n", "BIGINT!", "Prompts that the model and nearest both answered; of the model where there is none."),
            _c("task", "VARCHAR!", "The task whose answers were compared."),
        ),
    ),
    Table(
        "provenance",
        "One row per model, possible teacher and channel, where any can be tested. Evidence, not proof of copying.",
        (
            _MODEL,
            _c("candidate", "VARCHAR!", "The model that it may resemble."),
            _c("channel", "VARCHAR!", "A file in harness/provenance/channels/, or combined: the mean over channels."),
            _c("similarity", "DOUBLE", "Raw similarity in the channel; null for combined, and where it is unknown."),
            _c(
                "score",
                "DOUBLE",
                "Of combined: distance from models that cannot be related, in their standard deviations; null where "
                "it cannot be tested.",
            ),
            _c("p", "DOUBLE", "Of combined: against pairs known to be unrelated, one-sided; not adjusted."),
            _c("set_apart", "VARCHAR", "A rival explanation: later, same base, same lab; null where there is none."),
            _c("n", "BIGINT!", "Prompts that both answered."),
            _c("task", "VARCHAR!", "The task whose answers were compared."),
        ),
    ),
    Table(
        "fingerprints",
        "One row per model and channel: what its fingerprint is made of, where any candidate can be tested.",
        (
            _MODEL,
            _c("channel", "VARCHAR!", "A file in harness/provenance/channels/."),
            _c("version", "VARCHAR!", "Of tokens, windows, hashes and features; other versions cannot be compared."),
            _c("prompts", "BIGINT!", "Prompts with at least one usable answer."),
            _c("features", "BIGINT!", "Different features found in the answers."),
            _c("task", "VARCHAR!", "The task whose answers were read."),
        ),
    ),
    Table(
        "shared_errors",
        "One row per task and pair of models: agreement on mistakes beyond accuracy. Not calibrated against a null.",
        (
            _TASK,
            _c("model_a", "VARCHAR!", "One of the pair; before model_b in the alphabet."),
            _c("model_b", "VARCHAR!", "The other."),
            _c("kappa_p", "DOUBLE", "CAPA of Goel et al. 2025 for single answers; 0 is chance, 1 the same answers."),
            _c("kappa_low", "DOUBLE", "Lower limit of its 95 % jackknife interval over items."),
            _c("kappa_high", "DOUBLE", "Upper limit of its 95 % jackknife interval over items."),
            _c("n", "BIGINT!", "Items that both answered."),
            _c("same_wrong", "DOUBLE", "Share of the same wrong answer, of items both got wrong and three others too."),
            _c("expected", "DOUBLE", "That share as the other models' wrong answers would make it."),
            _c("excess", "DOUBLE", "same_wrong less expected."),
            _c("excess_low", "DOUBLE", "Lower limit of its 95 % interval over items."),
            _c("excess_high", "DOUBLE", "Upper limit of its 95 % interval over items."),
            _c("n_both_wrong", "BIGINT!", "Items behind the excess."),
        ),
    ),
)

VIEWS = (
    Table(
        "chosen",
        "The run that speaks for a model on a task: most documents answered, then newest; never a running one.",
        (
            _MODEL,
            _TASK,
            _RUN,
            _c("docs", "BIGINT", "Documents with at least one reply (answered, truncated or refused)."),
        ),
        """
        SELECT model, task, run_id, docs FROM answered JOIN runs USING (run_id)
        WHERE runs.status <> 'running'
        QUALIFY row_number() OVER (
            PARTITION BY model, task ORDER BY docs DESC, finished_at DESC NULLS LAST, run_id DESC
        ) = 1
        """,
    ),
    Table(
        "leaderboard",
        "One row per model, task, metric and filter, from the chosen run.",
        (
            _MODEL,
            _TASK,
            _c("kind", "VARCHAR", "math, code or provenance."),
            _c("metric", "VARCHAR", "Name of the number."),
            _c("filter", "VARCHAR", "lm-eval's filter that prepared the answers, or the scorer's own."),
            _c("scorer", "VARCHAR", "Who scored."),
            *_INTERVAL,
            _RUN,
            _c(
                "control_of",
                "VARCHAR",
                "Set for a positive control: known to be a relative of the model named.",
            ),
            _c("unsafe_code", "BOOLEAN", "True where this model's code ran without the sandbox."),
            _c("forgeable", "BOOLEAN", "True where tests ran in the code's own process, which could have cheated."),
            _c(
                "gap",
                "DOUBLE",
                "On lm-eval's own figures: this value minus the headline of the same model and task, which another "
                f"scorer gave; null on other rows. Over {GAP} is pointed out by `harness show` and on the leaderboard.",
            ),
        ),
        """
        SELECT model, task, kind, metric, filter, metrics.scorer, value, ci_low, ci_high, ci_method, n, n_unscored,
            coverage, n_failed, n_truncated, n_refused, sandbox, is_headline, run_id, control_of,
            coalesce(contains(sandbox, 'unsafe'), FALSE) AS unsafe_code,
            coalesce(contains(sandbox, 'forgeable'), FALSE) AS forgeable,
            CASE WHEN metrics.scorer = 'lm_eval' THEN value - max(
                CASE WHEN is_headline AND metrics.scorer <> 'lm_eval' THEN value END
            ) OVER (PARTITION BY run_id, model, task) END AS gap
        FROM chosen
        JOIN metrics USING (run_id, model, task)
        JOIN tasks USING (run_id, task)
        JOIN models USING (run_id, model)
        ORDER BY ALL
        """,
    ),
    Table(
        "unread",
        "One row per run, model and task with answers in which the scorer found nothing to judge.",
        (
            _RUN,
            _MODEL,
            _TASK,
            _c("metric", "VARCHAR", "The headline metric."),
            _c("samples", "BIGINT", "Samples with an answer."),
            _c("no_code", "BIGINT", "How many of them hold no program."),
            _c("no_answer", "BIGINT", "How many of them state no answer."),
            _c("unparsed", "BIGINT", "How many of them have an answer that cannot be read."),
            _c("cut", "BIGINT", "How many of these, or before any answer, were cut off."),
            _c("empty", "BIGINT", "How many of these hold no text."),
        ),
        """
        WITH judged AS (
            SELECT samples.run_id, samples.model, samples.task, metrics.metric, scores.status AS said,
                scores.status IN ('no_code', 'no_answer', 'unparsed', 'truncated') AS unread,
                samples.status = 'truncated' AS cut, trim(coalesce(output, ''), E' \\n\\t\\r') = '' AS empty
            FROM samples
            JOIN scores USING (run_id, sample_id)
            JOIN metrics ON metrics.run_id = samples.run_id AND metrics.model = samples.model
                AND metrics.task = samples.task AND metrics.is_headline AND metrics.metric = scores.metric
                AND metrics.filter IS NOT DISTINCT FROM scores.filter
            WHERE samples.status IN ('answered', 'truncated')
        )
        SELECT run_id, model, task, metric, count(*) AS samples, count(*) FILTER (said = 'no_code') AS no_code,
            count(*) FILTER (said = 'no_answer') AS no_answer, count(*) FILTER (said = 'unparsed') AS unparsed,
            count(*) FILTER (unread AND cut) AS cut, count(*) FILTER (unread AND empty) AS empty
        FROM judged GROUP BY ALL HAVING count(*) FILTER (unread) > 0 ORDER BY ALL
        """,
    ),
    Table(
        "gen_ai",
        "One row per sample under the attribute names of OpenTelemetry's GenAI semantic conventions, where they exist.",
        (
            _RUN,
            _SAMPLE,
            _c("gen_ai.operation.name", "VARCHAR", "chat, or text_completion where plain text was sent."),
            _c("gen_ai.provider.name", "VARCHAR", "The backend that asked; the conventions name no local ones."),
            _c("gen_ai.request.model", "VARCHAR", "The model's name here."),
            _c("gen_ai.request.seed", "BIGINT", "Seed the answer was sampled with."),
            _c("gen_ai.request.temperature", "DOUBLE", "Sampling temperature."),
            _c("gen_ai.request.top_p", "DOUBLE", "Nucleus sampling."),
            _c("gen_ai.request.top_k", "DOUBLE", "Top-k sampling."),
            _c("gen_ai.request.max_tokens", "BIGINT", "Longest answer, in tokens."),
            _c("gen_ai.response.id", "VARCHAR", "The server's id of the response."),
            _c("gen_ai.response.model", "VARCHAR", "The model name the server reported."),
            _c("gen_ai.response.finish_reasons", "VARCHAR[]", "Why the answer ended."),
            _c("gen_ai.usage.input_tokens", "BIGINT", "Tokens sent; null is unknown."),
            _c("gen_ai.usage.output_tokens", "BIGINT", "Tokens written; null is unknown."),
            _c("gen_ai.evaluation.name", "VARCHAR", "The task's headline metric; null where nothing is scored."),
            _c("gen_ai.evaluation.score.value", "DOUBLE", "Its value for this sample; null is unscored."),
            _c("gen_ai.evaluation.score.label", "VARCHAR", "The scorer's word for it."),
            _c("gen_ai.evaluation.explanation", "VARCHAR", "Why the value is what it is."),
            _c("error.type", "VARCHAR", "Why there is no answer; null where there is one."),
        ),
        """
        SELECT samples.run_id, samples.sample_id,
            CASE WHEN prompt IS NULL THEN 'chat' ELSE 'text_completion' END AS "gen_ai.operation.name",
            backend AS "gen_ai.provider.name", samples.model AS "gen_ai.request.model",
            seed AS "gen_ai.request.seed", CAST(decoding ->> 'temperature' AS DOUBLE) AS "gen_ai.request.temperature",
            CAST(decoding ->> 'top_p' AS DOUBLE) AS "gen_ai.request.top_p",
            CAST(decoding ->> 'top_k' AS DOUBLE) AS "gen_ai.request.top_k",
            CAST(decoding ->> 'max_tokens' AS BIGINT) AS "gen_ai.request.max_tokens",
            response_id AS "gen_ai.response.id", served_model AS "gen_ai.response.model",
            CASE WHEN finish_reason IS NULL THEN NULL ELSE [finish_reason] END AS "gen_ai.response.finish_reasons",
            prompt_tokens AS "gen_ai.usage.input_tokens", completion_tokens AS "gen_ai.usage.output_tokens",
            scores.metric AS "gen_ai.evaluation.name", scores.value AS "gen_ai.evaluation.score.value",
            scores.status AS "gen_ai.evaluation.score.label", scores.explanation AS "gen_ai.evaluation.explanation",
            samples.error AS "error.type"
        FROM samples
        JOIN models USING (run_id, model)
        JOIN tasks USING (run_id, task)
        LEFT JOIN scores ON scores.run_id = samples.run_id AND scores.sample_id = samples.sample_id
            AND scores.metric = tasks.headline_metric AND scores.filter IS NOT DISTINCT FROM tasks.headline_filter
        """,
    ),
)


def markdown() -> str:
    """The table part of `docs/schema.md`: a heading per table and view, a row per column."""
    lines = []
    for table in TABLES + VIEWS:
        lines += [f"### `{table.name}`{' (view)' if table.sql else ''}", "", table.comment, ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{c.name}` | {c.type} | {c.comment} |" for c in table.columns]
        lines.append("")
    return "\n".join(lines)
