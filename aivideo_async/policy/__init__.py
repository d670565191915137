"""Decisions, all pure: they take facts, the time and a random source, and return values."""
