"""The parts of the math scorer: extraction, normalisation, reading, comparison, and the symbolic workers."""
