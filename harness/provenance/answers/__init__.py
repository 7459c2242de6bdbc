"""What models wrote, from stored text to fingerprints: what a file or an instruction did to it, words, languages."""

__all__ = ["fingerprint", "responses", "stored"]
