"""Provenance channels: what a model's answers say about where they come from. One file per channel.

A channel is a pure function of a frame with the columns `model`, `prompt_id` and `output`. All are text, and several
rows per model and prompt are repeats. Its `METHOD` says formula, range and source. Likeness is evidence, not proof of
copying: two models may be alike because they read the same books. Until a channel's numbers are compared with models
known to be unrelated, its rows say `calibrated: false`, and so does every page that shows them.
"""

from harness.provenance.finding import Finding, PairTest, shown

__all__ = [
    "Finding",
    "PairTest",
    "brief",
    "calibration",
    "change",
    "detectors",
    "domains",
    "evidence",
    "explain",
    "family_names",
    "finding",
    "fingerprint",
    "overview",
    "panel",
    "panel_figures",
    "panel_files",
    "pools",
    "probes",
    "registration",
    "registry",
    "reports",
    "responses",
    "same",
    "shown",
    "speechmap",
    "stored",
    "tree",
    "uncertainty",
    "validate",
    "wording",
]
