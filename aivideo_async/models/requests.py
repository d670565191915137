"""
What is asked for: one small frozen class per kind of request.

A request is checked when it is built, so a mistake costs neither a round trip nor a
credit, and it is built once: the client serialises it to bytes, and those bytes are
what is sent.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from attrs import field, frozen

from aivideo_async.errors import InvalidRequestError
from aivideo_async.models.catalogue import (
    ModelSpec,
    credits_for,
    problems,
    spec_for,
)
from aivideo_async.models.money import read_credits
from aivideo_async.models.strictjson import decode, encode
from aivideo_async.models.text import is_unicode, show

__all__ = ["GenerationRequest", "GptImage2", "RawRequest", "check_path"]


class GenerationRequest:
    """
    The base of everything that can be generated.

    Attributes:
        key: Your own label. It is never sent; it is there again in the `Outcome`.
    """

    __slots__ = ()

    key: str | None

    @property
    def model(self) -> str:
        """The service's id of the model."""
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        """The path that creates such a task, such as ``/v1/images/generations``."""
        raise NotImplementedError

    @property
    def input(self) -> Mapping[str, Any]:
        """The ``input`` object that is sent."""
        raise NotImplementedError

    @property
    def price(self) -> Decimal | None:
        """The expected cost in credits by the dated table; None where unknown."""
        raise NotImplementedError

    @property
    def kind(self) -> Hashable:
        """Tasks of one kind take about as long: model, resolution and mode."""
        return self.model

    def body(self, callback_url: str | None = None) -> bytes:
        """Return the exact bytes that create this task."""
        payload = {"model": self.model, "input": self.input}
        if callback_url is not None:
            payload["callback_url"] = callback_url
        return encode(payload)


class _CatalogueRequest(GenerationRequest):
    """A request whose model the catalogue describes."""

    __slots__ = ()

    MODEL: ClassVar[str]

    @property
    def spec(self) -> ModelSpec:
        """What the catalogue knows of the model."""
        spec = spec_for(self.MODEL)
        if spec is None:
            raise LookupError(f"{self.MODEL} is missing from catalogue.toml")
        return spec

    @property
    def model(self) -> str:
        """The service's id of the model."""
        return self.MODEL

    @property
    def endpoint(self) -> str:
        """The path that creates such a task."""
        return self.spec.endpoint

    @property
    def price(self) -> Decimal | None:
        """The expected cost in credits by the default price table; an estimate."""
        return credits_for(self.spec, self.input)

    @property
    def kind(self) -> Hashable:
        """Tasks of one kind take about as long: model, resolution and mode."""
        values, spec = self.input, self.spec
        edits = bool(spec.references and values.get(spec.references))
        mode = spec.modes[edits] if len(spec.modes) > edits else None
        return self.MODEL, values.get("resolution"), mode

    def _check(self) -> None:
        found = problems(self.spec, self.input)
        _check_key(self.key)
        if found:
            text = " ".join(problem.text for problem in found)
            raise InvalidRequestError(f"{self.MODEL}: {text}", field=found[0].field)


def _urls(value: Iterable[str]) -> Any:
    """Freeze a list of URLs; anything else is left for the check to name."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    return tuple(value)


@frozen
class GptImage2(_CatalogueRequest):
    """
    A picture by GPT Image 2, from a prompt, from reference pictures, or from both.

    Args:
        prompt: What to draw, at most 20,000 characters.

        image_urls:
            Up to 16 pictures to work from, as absolute http(s) URLs: the service
            fetches them itself. At least one of *prompt* and *image_urls* is needed.

        aspect_ratio:
            ``auto``, 1:1, 5:4, 4:3, 3:2, 16:9, 21:9, 9:16, 4:5, 3:4, 2:3, 2:1, 1:2
            or 9:21.

        resolution:
            ``1k``, ``2k`` or ``4k``; it decides the price. ``4k`` needs an explicit
            ratio out of 16:9, 9:16, 2:1, 1:2, 21:9 and 9:21.

        nsfw_checker: Whether the service checks the content.

        key: Your own label, such as a SKU; never sent.

    Raises:
        InvalidRequestError: A field breaks a rule; the text names the field, its
            value, the rule and the remedy. Nothing was sent.

    Example:
        >>> request = GptImage2("a red mug on a white table", aspect_ratio="1:1")
        >>> request.price
        Decimal('2.4')
        >>> GptImage2("a castle", resolution="4k")
        Traceback (most recent call last):
        aivideo_async.errors.InvalidRequestError: gpt-image-2: aspect_ratio='auto' ...
    """

    MODEL: ClassVar[str] = "gpt-image-2"

    prompt: str | None = None
    image_urls: tuple[str, ...] = field(default=(), kw_only=True, converter=_urls)
    aspect_ratio: str = field(default="auto", kw_only=True)
    resolution: str = field(default="1k", kw_only=True)
    nsfw_checker: bool = field(default=True, kw_only=True)
    key: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        self._check()

    @property
    def input(self) -> dict[str, Any]:
        """The ``input`` object that is sent; every default is spelled out."""
        values: dict[str, Any] = {"prompt": self.prompt}
        if self.image_urls != ():
            urls = self.image_urls
            values["image_urls"] = list(urls) if isinstance(urls, tuple) else urls
        values["aspect_ratio"] = self.aspect_ratio
        values["resolution"] = self.resolution
        values["nsfw_checker"] = self.nsfw_checker
        return {name: value for name, value in values.items() if value is not None}


def _json_object(value: Mapping[str, Any]) -> Any:
    """Copy *value* through JSON: what is checked here is what will be sent."""
    if not isinstance(value, Mapping):
        raise InvalidRequestError(
            f"input={show(value)} is not an object: pass a dict.", field="input"
        )
    try:
        return decode(encode(dict(value)))
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"input is not JSON: {error}.", field="input"
        ) from None


def _credits(value: Decimal | float | str | None) -> Decimal | None:
    if value is None:
        return None
    price = read_credits(value)
    if price is None:
        raise InvalidRequestError(
            f"price={show(value)} is not a number of credits: pass a Decimal, an int or "
            "text such as '2.4', or None if unknown.",
            field="price",
        )
    return price


@frozen
class RawRequest(GenerationRequest):
    """
    Any model, any field: the one way past our validation.

    It is checked only to be JSON and to go to a path of the API; the same promises
    hold as for every other create.

    Args:
        model: The service's id of the model.
        endpoint: The path that creates such a task, such as
            ``/v1/videos/generations``.
        input: The ``input`` object, sent as it is.
        price: The expected cost in credits, or None if unknown.
        key: Your own label; never sent.

    Raises:
        InvalidRequestError: Not JSON, or no path of the API. Nothing was sent.

    Example:
        >>> video = RawRequest(
        ...     "sora-2",
        ...     endpoint="/v1/videos/generations",
        ...     input={"prompt": "a wave", "duration": 4, "aspect_ratio": "16:9"},
        ...     price=100,
        ... )
        >>> video.price
        Decimal('100')
    """

    model: str
    endpoint: str = field(kw_only=True)
    input: Mapping[str, Any] = field(kw_only=True, converter=_json_object, hash=False)
    price: Decimal | None = field(default=None, kw_only=True, converter=_credits)
    key: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_key(self.key)
        if not _is_name(self.model):
            raise InvalidRequestError(
                f"model={show(self.model)} is not a model's id.", field="model"
            )
        check_path(self.endpoint, name="endpoint")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _check_key(key: object) -> None:
    if key is not None and not isinstance(key, str):
        raise InvalidRequestError(
            f"key={show(key)} is not text: pass a str, such as a SKU.", field="key"
        )
    if key is not None and not is_unicode(key):
        raise InvalidRequestError(
            f"key={show(key)} is no Unicode text: half a character is missing.",
            field="key",
        )


def check_path(path: object, *, name: str = "path") -> None:
    """
    Refuse anything that is not a plain path of the API.

    Raises:
        InvalidRequestError: It is no path, or could lead to another origin.
    """
    plain = (
        isinstance(path, str)
        and path.startswith("/")
        and not path.startswith("//")
        and path.isascii()
        and path.isprintable()
        and not any(char in path for char in " \\#")
        and ".." not in path.split("?")[0].split("/")
    )
    if not plain:
        raise InvalidRequestError(
            f"{name}={show(path)} is not a path of the API: pass one that starts with "
            "'/', such as '/v1/images/generations'.",
            field=name,
        )
