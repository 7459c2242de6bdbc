"""Answers become fingerprints, similarity and calibrated evidence of where a model's manner comes from.

`answers/` reads what models wrote, by `channels/`. `comparison/` has the statistics, `panels/` the known models that
ship. `validation/` measures the detector, and `verdicts/` makes a report. `probes/` are questions of their own.

A channel is a pure function of a frame with the columns `model`, `prompt_id` and `output`. All are text, and several
rows per model and prompt are repeats. Likeness is evidence, not proof of copying: two models may be alike because they
read the same books. Until a channel's numbers are compared with models known to be unrelated, its rows say
`calibrated: false`, and so does every page that shows them.
"""

from harness.provenance.comparison.finding import Finding, PairTest, shown

__all__ = ["Finding", "PairTest", "probes", "shown"]
