"""Scripts that measure; each prints a table and can be run by anyone."""
