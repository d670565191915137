"""Names: valid on every system, and never outside of their folder."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, strategies as st

from aivideo_async.bulk.naming import LONGEST, ONE, NamePattern, same_file
from aivideo_async.errors import ConfigurationError

ANY = st.text(st.characters(), max_size=200)
PATTERNS = st.sampled_from(["{sku}", "{type}/{sku}", "a/{type}{sku}.v/{sku}__{type}"])


def named(sku: str, pattern: str = "{sku}", **fields: str) -> str:
    """Name one file."""
    return NamePattern(pattern).stem({"sku": sku, **fields}.__getitem__)


@given(PATTERNS, ANY, ANY)
@example("{type}/{sku}", "..", "../../etc/passwd")
@example("{type}/{sku}", "C:", "\\\\server\\share")
@example("{type}/{sku}", "", "\0")
@example("{type}/{sku}", "/", "//")
@example("{type}/{sku}", "é" * 149 + "..", "e\u0301" * 200)
def test_no_text_leaves_the_folder(pattern: str, kind: str, sku: str):
    """Each part is a plain name, and there are as many as the pattern has."""
    stem = named(sku, pattern, type=kind)
    for path in (PurePosixPath(stem), PureWindowsPath(stem)):
        assert not path.is_absolute()
        assert "" == path.drive
        assert len(path.parts) == pattern.count("/") + 1
        assert ".." not in path.parts


@given(PATTERNS, ANY, ANY)
@example("{sku}", "", "con.txt")
@example("{type}/{sku}", "con." + "x" * 140 + ".png", "x")
@example("{sku}", "", "nul .png")
@example("{sku}", "", "COM¹")
@example("{sku}", "", "x" * 147 + ". .")
@example("{sku}", "", "x" * 147 + "é")
def test_each_part_is_a_name_that_every_system_takes(pattern: str, kind: str, sku: str):
    """Windows' devices, dots at an end, forbidden and unseen characters, length."""
    for part in named(sku, pattern, type=kind).split("/"):
        assert part
        assert part == part.strip(" ").rstrip(".")
        assert not part.startswith(".")
        assert part.isprintable()
        assert not set(part) & set('<>:"/\\|?*')
        assert len(part.encode()) <= LONGEST
        assert not PureWindowsPath(part).is_reserved()


@pytest.mark.parametrize(
    ("sku", "name"),
    [
        ("MUG-RED", "MUG-RED"),
        ("a b.c", "a b.c"),
        ("50 % (new)", "50 % (new)"),
        ("Täßchen 杯", "Täßchen 杯"),
        ("a/b\\c", "a_b_c"),
        ("con", "con_"),
        ("Con.v2", "Con_.v2"),
        ("..", "_"),
        ("", "_"),
        (" x. ", "x"),
        (".htaccess", "_htaccess"),
        ("tab\tnew\nline", "tab_new_line"),
        ("gnp\u202e.exe", "gnp_.exe"),
    ],
)
def test_a_name_stays_as_close_to_its_text_as_it_can(sku: str, name: str):
    """People find their pictures by it."""
    assert name == named(sku)


def test_only_a_slash_in_the_pattern_makes_a_folder():
    """A value with a slash does not."""
    assert "a_b/c_d" == named("c/d", "{type}/{sku}", type="a/b")


def test_a_folder_is_never_taken_for_a_picture():
    """``A.png/…`` would stand in the way of the picture of A."""
    assert "A.PNG_/A.PNG" == named("A.PNG", "{sku}/{sku}")


@pytest.mark.parametrize(
    "pattern",
    ["", "/{sku}", "{sku}/", "../{sku}", "a/./{sku}", "a//{sku}", "a\\{sku}", "C:\\x"],
)
def test_a_pattern_must_stay_in_its_folder(pattern: str):
    """Refused when it is read, before any row is."""
    with pytest.raises(ConfigurationError, match="stay in its folder"):
        NamePattern(pattern)


@pytest.mark.parametrize("pattern", ["{sku", "sku}", "{}", "{{sku}}", "{a{b}}"])
def test_braces_of_a_pattern_must_match(pattern: str):
    """There is one way to write a field."""
    with pytest.raises(ConfigurationError, match="in one pair of braces"):
        NamePattern(pattern)


def test_a_field_is_a_name_and_nothing_more():
    """Nothing is looked up in Python, whatever stands in the braces."""
    pattern = NamePattern("{sku.__class__}-{0}-{a/b!r:>9}")
    assert ("sku.__class__", "0", "a/b!r:>9") == pattern.fields
    assert "x-x-x" == pattern.stem(lambda name: "x")


@given(ANY)
def test_a_name_is_a_name_already(sku: str):
    """Naming the named changes nothing."""
    name = ONE.stem(lambda _: sku)
    assert name == ONE.stem(lambda _: name)


@pytest.mark.parametrize(("one", "other"), [("A", "a"), ("É", "e\u0301"), ("Σ", "ς")])
def test_what_some_system_takes_for_the_same_is_the_same(one: str, other: str):
    """Whatever the system at hand does."""
    assert same_file(one) == same_file(other)


@pytest.mark.parametrize(("one", "other"), [("x²", "x2"), ("Å", "A"), ("a b", "ab")])
def test_what_every_system_tells_apart_is_not_the_same(one: str, other: str):
    """Nobody has to rename a file without need."""
    assert same_file(one) != same_file(other)
