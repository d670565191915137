"""The one cattrs converter: what stands in TOML becomes frozen, checked values."""

from __future__ import annotations

from decimal import Decimal

from cattrs import Converter

__all__ = ["converter"]

converter = Converter()
converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
