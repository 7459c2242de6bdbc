"""Fingerprints become similarity, calibrated scores and tests of pairs and labs: the statistics of a verdict."""

__all__ = ["calibration", "change", "evidence", "finding", "registry", "same", "tree"]
