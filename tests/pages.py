"""Pages for tests to look into, and texts that try to do something in them."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser

CORPUS = (
    "<script>alert(1)</script>",
    "</title></style></figcaption><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "<!--<img src='--><img src=x onerror=alert(1)//'>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt; &amp; &#60;script&#62;",
)


class Page(HTMLParser):
    """A parsed page: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Keep the tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data):
        """Keep the text, apart from its neighbours."""
        self.text += f" {data}"

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """The page without its values: tags and the names of their attributes."""
        return [(tag, tuple(attributes)) for tag, attributes in self.tags]

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]
