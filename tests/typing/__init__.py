"""What a type checker makes of the public names; checked by mypy, not by pytest."""
