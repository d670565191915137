"""
Pages that people open from their disk: one look, one policy, and every text escaped.

A page has no script and fetches nothing but pictures; its own policy (CSP) says so to
the browser. They need Jinja2, from the extra ``cli``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aivideo_async._version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["template"]


def template(package: str, name: str) -> Template:
    """
    Load a page's template, which may extend ``base.html``.

    Args:
        package: Whose folder ``templates`` it lies in.
        name: Its file.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader(package), PackageLoader("aivideo_async.bulk")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name, globals={"version": __version__})
