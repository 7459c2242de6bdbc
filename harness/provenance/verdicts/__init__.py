"""A suspect beside a set or a panel becomes a finding, and a finding becomes words."""

__all__ = ["brief", "explain", "notices", "overview", "pools", "reports", "wording"]
