"""Scorers: one module each, with `METRIC` and `score(answers, sandbox)`. The file name is the name a task gives."""
