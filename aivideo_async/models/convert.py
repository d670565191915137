"""The one cattrs converter: JSON and TOML to frozen values, and back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from cattrs import Converter

__all__ = ["converter"]

converter = Converter()
converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
converter.register_unstructure_hook(Decimal, str)
converter.register_unstructure_hook(datetime, datetime.isoformat)
