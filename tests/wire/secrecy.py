"""Everything that a person, a log or a pickle could see of an error or a result."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["KEY", "shown", "visible"]

KEY = "sk-thisMustNeverBeSeen0123456789"
"""The key of these tests. Never in a local variable: tracebacks show those."""


def visible(thing: Any) -> str:
    """Return all that can be seen of *thing*, a result or an error."""
    return "\n".join([repr(pickle.dumps(thing)), shown(thing)])


def shown(thing: Any) -> str:
    """Return the same of what cannot be pickled."""
    texts = [str(thing), repr(thing), *_texts(thing, set())]
    if isinstance(thing, BaseException):
        with_locals = traceback.TracebackException.from_exception(
            thing, capture_locals=True
        )
        texts.extend(with_locals.format())
    return "\n".join(texts)


def _texts(thing: Any, seen: set[int]) -> Iterator[str]:
    """Find every text in *thing*, its attributes, causes and contexts."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    yield repr(thing)
    for part in _parts(thing):
        yield from _texts(part, seen)


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, Mapping):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from thing
    elif isinstance(thing, BaseException):
        yield from (thing.args, thing.__cause__, thing.__context__)
        yield getattr(thing, "__notes__", None)
    yield getattr(thing, "__dict__", None)
    for cls in type(thing).__mro__:
        for name in getattr(cls, "__slots__", ()):
            yield getattr(thing, name, None)
