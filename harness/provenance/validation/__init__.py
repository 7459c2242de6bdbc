"""How well a detector finds documented students, and whom it accuses: figures, protocol, other detectors."""

__all__ = ["detectors", "panel_figures", "validate"]
