"""What griffe, which reads our source for the reference, cannot know by itself."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

import griffe
from attrs import has


class HouseStyle(griffe.Extension):
    """Read our ``Example:`` sections, and the signatures that attrs makes."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Call our example what griffe calls it, or it is no example to it."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE
            )

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Show the parameters of a class of attrs, which its source does not."""
        if cls.parent is None or not cls.parent.is_module:
            return
        made = getattr(import_module(cls.parent.path), cls.name)
        if has(made) and "__init__" not in cls.members:
            parameters = inspect.signature(made).parameters.values()
            cls["__init__"] = griffe.Function(
                "__init__",
                parameters=griffe.Parameters(
                    griffe.Parameter("self"), *map(_parameter, parameters)
                ),
            )


def _parameter(found: inspect.Parameter) -> griffe.Parameter:
    default = None if found.default is found.empty else _default(found.default)
    return griffe.Parameter(
        found.name,
        annotation=_annotation(found.annotation),
        kind=griffe.ParameterKind(found.kind.description),
        default=default,
    )


def _annotation(given: object) -> str | None:
    """Write a type as the source does; a converter leaves an object instead."""
    if given is inspect.Parameter.empty:
        return None
    return given if isinstance(given, str) else inspect.formatannotation(given)


def _default(value: object) -> str:
    text = repr(value)
    return "..." if text == "NOTHING" else text  # made anew for each object
