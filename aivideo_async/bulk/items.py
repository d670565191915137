"""
From rows to items: one for each picture to be made, checked before anything is bought.

An item is known by its key, and its request is what will be sent: the prompt is the
cell's text, character by character.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from attrs import evolve, frozen

from aivideo_async.bulk.columns import Columns, columns_of
from aivideo_async.bulk.naming import ONE, SEVERAL, NamePattern, same_file
from aivideo_async.bulk.orders import DEFAULTS, Defaults, read_order
from aivideo_async.bulk.rows import KEPT, Problem, Problems, Row
from aivideo_async.models.requests import GptImage2

__all__ = ["Item", "ItemReader"]

OWN_FIELDS = ("sku", "variant", "line")
"""What a name pattern may ask for besides columns."""


@frozen
class Item:
    """
    One picture to be made.

    Attributes:
        key: What it is known by, in every run of this sheet; the request has it too.
        sku: The key of its row.
        variant: Which of the row's pictures it is, from 1.
        line: The line of the sheet on which its row begins.
        request: What will be sent.
        name: The path of its file below the folder of pictures, without the suffix.
        cells: The row's texts, by the names of the columns.
    """

    key: str
    sku: str
    variant: int
    line: int
    request: GptImage2
    name: str
    cells: Mapping[str, str]


class ItemReader:
    """
    Turn the rows of one sheet into items.

    Args:
        problems: Where everything goes that is wrong.
        defaults: What counts where a row says nothing.
        pattern: What the files are called; None for one that suits the row.

    Attributes:
        skipped: How many rows said that they are to be skipped.

    It remembers the keys and names of the whole sheet as hashes, to find what stands
    there twice: about 200 bytes for an item, however long its texts are.

    Example:
        >>> reader = ItemReader(Problems())
        >>> row = Row(2, {"sku": "MUG", "prompt": "a red mug", "n": "2"})
        >>> [(item.key, item.name) for item in reader.items([row])]
        [('MUG', 'MUG/MUG__v1'), ('MUG__v2', 'MUG/MUG__v2')]
    """

    def __init__(
        self,
        problems: Problems,
        *,
        defaults: Defaults = DEFAULTS,
        pattern: NamePattern | None = None,
    ) -> None:
        self.skipped = 0
        self._problems = problems
        self._defaults = defaults
        self._pattern = pattern
        self._columns: Columns | None = None
        self._usable = False
        self._reported: set[Problem] = set()
        self._keys = _Lines()
        self._names = _Lines()
        self._contents: Counter[str] = Counter()

    def items(self, rows: Iterable[Row]) -> Iterator[Item]:
        """
        Yield the items of each row that has no error and is not to be skipped.

        After the last one, ``problems`` holds all that is wrong with the sheet.
        """
        for row in rows:
            columns = columns_of(tuple(row.cells))
            if columns is not self._columns:
                line = row.line if self._columns else None  # in JSON lines only
                self._usable = self._check(columns, line)
                self._columns = columns
            if self._usable:
                yield from self._items_of(row, columns)

    def _check(self, columns: Columns, line: int | None) -> bool:
        """Tell once what is wrong with *columns*; return whether rows can be read."""
        problems = (*columns.problems, *self._unknown_fields(columns))
        for problem in problems:
            if problem not in self._reported and len(self._reported) < KEPT:
                self._reported.add(problem)
                self._problems.add(evolve(problem, line=line))
        return all(problem.warning for problem in problems)

    def _unknown_fields(self, columns: Columns) -> Iterator[Problem]:
        for name in self._pattern.fields if self._pattern else ():
            if name not in OWN_FIELDS and columns.find(name) is None:
                text = f"The name pattern asks for {name!r}, which is no column."
                yield Problem(None, None, text, columns.suggest(name))

    def _items_of(self, row: Row, columns: Columns) -> Iterator[Item]:
        order = read_order(row, columns, self._defaults)
        self.skipped += order.skipped
        for problem in order.problems:
            self._problems.add(problem)
        if order.request is None:
            return
        sku = order.sku or self._content_key(order.request)
        for variant in range(1, order.variants + 1):
            # The first one keeps its key when somebody asks for more of them later.
            key = sku if variant == 1 else f"{sku}__v{variant}"
            item = Item(
                key=key,
                sku=sku,
                variant=variant,
                line=row.line,
                request=evolve(order.request, key=key),
                name=self._name(row, columns, sku, variant, order.variants),
                cells=row.cells,
            )
            if self._is_unique(item, columns):
                yield item

    def _content_key(self, request: GptImage2) -> str:
        """Make a key of what will be sent, and of how often it stood above."""
        content = sha256(request.body()).hexdigest()[:16]
        self._contents[content] += 1
        count = self._contents[content]
        return f"row-{content}" if count == 1 else f"row-{content}-{count}"

    def _name(
        self, row: Row, columns: Columns, sku: str, variant: int, variants: int
    ) -> str:
        pattern = self._pattern or (ONE if variants == 1 else SEVERAL)
        own = dict(zip(OWN_FIELDS, (sku, str(variant), str(row.line)), strict=True))

        def value_of(name: str) -> str:
            return own[name] if name in own else row.cells[columns.find(name) or name]

        return pattern.stem(value_of)

    def _is_unique(self, item: Item, columns: Columns) -> bool:
        above = self._keys.first(item.key, item.line)
        if above is not None:
            self._problems.add(
                Problem(
                    item.line,
                    columns.by_meaning.get("sku"),
                    f"The key {item.key!r} stands on line {above}, too.",
                    "Rename one; for several pictures of a row there is 'variants'.",
                )
            )
            return False
        above = self._names.first(same_file(item.name), item.line)
        if above is not None:
            self._problems.add(_same_name(item, above))
        return above is None


def _same_name(item: Item, above: int) -> Problem:
    text = f"The file {item.name!r} is that of line {above}, too"
    if above == item.line:
        text += ": the name pattern lacks {variant}."
        return Problem(item.line, None, text, "Such as {sku}__v{variant}.")
    hint = (
        "Capitals, accents' encoding, characters that no file name may have, and what "
        "follows the first 150 bytes make no difference: rename one of the two."
    )
    return Problem(item.line, None, f"{text}.", hint)


class _Lines:
    """
    On which line each text stood first.

    Of the texts only hashes are kept. That two of 100,000 have the same one by chance
    happens once in four billion sheets, and then costs a false alarm, no money.
    """

    def __init__(self) -> None:
        self._lines: dict[int, int] = {}

    def first(self, text: str, line: int) -> int | None:
        """Return where *text* stood before; if nowhere, it stands on *line*."""
        known = self._lines.get(hash(text))
        if known is None:
            self._lines[hash(text)] = line
        return known
