"""What a leaderboard asks the index for."""

from __future__ import annotations

from collections.abc import Mapping

QUERIES: Mapping[str, str] = {
    "scores": "SELECT * FROM leaderboard WHERE is_headline ORDER BY ALL",
    "beside": """
        SELECT model, task, metric, filter, value, ci_low, ci_high, n, gap FROM leaderboard
        WHERE NOT is_headline AND (scorer = 'lm_eval' OR metric = 'drop') AND value IS NOT NULL ORDER BY ALL""",
    "comparisons": "SELECT * FROM comparisons ORDER BY ALL",
    "models": """
        SELECT chosen.model, run_id, task, control_of, backend, weights_name, weights_sha256
        FROM chosen JOIN models USING (run_id, model) ORDER BY ALL""",
    "tasks": """
        SELECT DISTINCT run_id, task, kind, version, task_hash, higher_is_better, headline_metric, n_docs, repeats,
            num_fewshot
        FROM chosen JOIN tasks USING (run_id, task) ORDER BY ALL""",
    "runs": """
        SELECT run_id, status, imported, harness_version, argv, spec, git_commit, git_dirty
        FROM runs WHERE run_id IN (SELECT run_id FROM chosen) ORDER BY run_id""",
    "served": "SELECT model, task, served_model FROM served JOIN chosen USING (run_id, model, task) ORDER BY ALL",
    # A pair that answered several sets together is shown by the largest of them.
    "similarities": """
        SELECT * FROM similarities WHERE domain IS NULL
        QUALIFY row_number() OVER (PARTITION BY model_a, model_b, channel ORDER BY n DESC, task) = 1 ORDER BY ALL""",
    "identity_claims": "SELECT * FROM identity_claims ORDER BY model, share DESC, claimed",
    "evidence": "SELECT * FROM evidence ORDER BY ALL",
    "shared_errors": "SELECT * FROM shared_errors WHERE excess IS NOT NULL ORDER BY ALL",
    "usage": """
        SELECT samples.model, task, CASE WHEN batch IS NULL THEN 1 ELSE 0.5 END::DOUBLE AS share, price,
            count(*) AS answers,
            count(*) FILTER (prompt_tokens IS NOT NULL AND completion_tokens IS NOT NULL) AS counted,
            sum(prompt_tokens)::DOUBLE AS prompt, coalesce(sum(cached_tokens), 0)::DOUBLE AS cached,
            sum(completion_tokens)::DOUBLE AS written, sum(completion_tokens)::DOUBLE AS completion,
            count(completion_tokens) AS completion_n, sum(reasoning_tokens)::DOUBLE AS reasoning,
            count(reasoning_tokens) AS reasoning_n, round(sum(latency_s), 3) AS seconds, count(latency_s) AS seconds_n
        FROM samples JOIN chosen USING (run_id, model, task) JOIN models USING (run_id, model)
        WHERE samples.status <> 'failed' GROUP BY ALL ORDER BY ALL""",
    "unread": "SELECT unread.* FROM unread JOIN chosen USING (run_id, model, task) ORDER BY ALL",
}
"""The SQL behind every frame of a `Board`."""
