"""Fingerprints and prompts of known models: what ships (`shipped/`), and how a set is made, asked and registered."""

__all__ = ["panel", "panel_files", "registration", "speechmap"]
