"""
The folder of a run: what lies where, and the settings that were fixed when it began.

``journal.db`` is the truth. ``run.toml`` is written once, by the first run, so that the
runs that follow mean the same by the same names; the key never stands in it. All the
rest can be made again.
"""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen
from cattrs.errors import BaseValidationError

from aivideo_async._version import __version__
from aivideo_async.bulk.orders import DEFAULTS, Defaults
from aivideo_async.bulk.whole import writing
from aivideo_async.errors import ConfigurationError
from aivideo_async.journal.places import is_begun
from aivideo_async.models.convert import converter
from aivideo_async.models.text import printable

__all__ = ["FORMAT", "RunFolder", "RunSettings", "to_toml"]

FORMAT = 1
"""What this version writes; a folder of a later one is refused."""


@frozen(kw_only=True)
class RunSettings:
    """
    What is fixed when a run begins.

    Attributes:
        sheet: The sheet of the first run, as it was named; later ones may differ.
        sheet_sha256: The hash of that sheet's bytes.
        name: The pattern of the files' names; None for one that suits each row.
        defaults: What counts where a row says nothing.
        prices: The date of the price table.
        created: When that was (aware, UTC).
        version: The version of this package.
    """

    sheet: str
    sheet_sha256: str
    prices: str
    name: str | None = None
    created: datetime = field(factory=lambda: datetime.now(UTC).replace(microsecond=0))
    version: str = __version__
    defaults: Defaults = DEFAULTS


@frozen
class RunFolder:
    """
    The folder of one run.

    Args:
        path: Where it is; `begin` creates it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as path:
        ...     folder = RunFolder(Path(path, "spring"))
        ...     first = RunSettings(sheet="a.csv", sheet_sha256="0a", prices="2026-04")
        ...     later = RunSettings(sheet="b.csv", sheet_sha256="0b", prices="2026-05")
        ...     folder.begin(first) == folder.begin(later) == folder.read()
        True
    """

    path: Path = field(converter=Path)

    @property
    def journal(self) -> Path:
        """The record of what was bought."""
        return self.path / "journal.db"

    @property
    def has_journal(self) -> bool:
        """Whether there is one; where a full disk let none begin there is not."""
        return is_begun(self.journal)

    @property
    def images(self) -> Path:
        """The folder of the pictures."""
        return self.path / "images"

    @property
    def manifest_csv(self) -> Path:
        """The manifest for spreadsheets."""
        return self.path / "manifest.csv"

    @property
    def manifest_jsonl(self) -> Path:
        """The manifest for programs."""
        return self.path / "manifest.jsonl"

    @property
    def settings(self) -> Path:
        """The settings, fixed when the run began."""
        return self.path / "run.toml"

    def report(self, page: int = 1) -> Path:
        """Return where the contact sheet's page number *page* lies, from 1."""
        return self.path / ("report.html" if page == 1 else f"report-{page}.html")

    def begin(self, settings: RunSettings) -> RunSettings:
        """
        Fix *settings*, unless an earlier run did; return those that count.

        Raises:
            ConfigurationError: The earlier ones cannot be read; see `read`.
            OSError: The folder cannot be written.
        """
        earlier = self.read()
        if earlier is not None:
            return earlier
        self.path.mkdir(parents=True, exist_ok=True)
        with writing(self.settings) as file:
            file.write(to_toml(settings))
        return settings

    def read(self) -> RunSettings | None:
        """
        Return the settings of the run that lies here, or None if there is none.

        Raises:
            ConfigurationError: They were written by a later version, or are broken.
        """
        try:
            text = self.settings.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(str(error)) from None
        try:
            values = tomllib.loads(text)
            if values.pop("format") == FORMAT:
                return _converter.structure(values, RunSettings)
        except (tomllib.TOMLDecodeError, BaseValidationError, KeyError) as error:
            raise self._unreadable(str(error)) from None
        raise ConfigurationError(
            f"{printable(str(self.path))} was made by a later version of aivideo-async:"
            " upgrade this one, or name another folder. Nothing was sent."
        )

    def _unreadable(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"{printable(str(self.settings))} cannot be read ({printable(reason)}): "
            "restore it, or name another folder. Nothing was sent."
        )


_converter = converter.copy()
_converter.register_structure_hook(datetime, lambda value, _: _moment(value))


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"{value!r} is no moment with a time zone")
    return value.astimezone(UTC)


def to_toml(settings: RunSettings) -> str:
    """Write *settings* as TOML, which the standard library only reads."""
    values = {"format": FORMAT, **asdict(settings)}
    defaults = values.pop("defaults")
    lines = ["# Fixed when the run began. What was bought stands in journal.db."]
    lines += _pairs(values)
    return "\n".join([*lines, "", "[defaults]", *_pairs(defaults), ""])


def _pairs(values: dict[str, Any]) -> list[str]:
    return [
        f"{name} = {_literal(value)}"
        for name, value in values.items()
        if value is not None
    ]


def _literal(value: str | bool | int | datetime) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):  # a path may hold what is no Unicode
        value = value.encode("utf-8", "replace").decode()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
