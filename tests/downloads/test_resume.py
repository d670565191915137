"""Whether the rest of a file may be put behind the part that is there."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from aivideo_async.downloads.resume import Version, read_size, read_version

PLACE = "https://files.example/a.png"
VERSION = Version(PLACE, '"v1"', 100)
DATE, A_MINUTE_AGO, JUST_NOW = (
    f"Wed, 15 Apr 2026 12:{time} GMT" for time in ("01:00", "00:00", "00:59")
)
REST = {"Content-Range": "bytes 40-99/100", "ETag": '"v1"', "Content-Length": "60"}


def headers(**given: str | None) -> CIMultiDict[str]:
    """Spell headers as keywords; what is None is left out."""
    spelled = {name.replace("_", "-"): value for name, value in given.items()}
    return CIMultiDict({n: value for n, value in spelled.items() if value is not None})


@pytest.mark.parametrize(
    ("given", "validator"),
    [
        pytest.param({"ETag": '"v1"'}, '"v1"', id="strong-tag"),
        pytest.param({"ETag": 'W/"v1"'}, None, id="weak-tag"),
        pytest.param({"ETag": "v1"}, None, id="unquoted-tag"),
        pytest.param({"ETag": '"v1'}, None, id="half-a-tag"),
        pytest.param({"ETag": '""'}, None, id="empty-tag"),
        pytest.param({}, None, id="nothing"),
        pytest.param(
            {"Last_Modified": A_MINUTE_AGO, "Date": DATE}, A_MINUTE_AGO, id="settled"
        ),
        pytest.param({"Last_Modified": JUST_NOW, "Date": DATE}, None, id="just-made"),
        pytest.param({"Last_Modified": DATE, "Date": A_MINUTE_AGO}, None, id="future"),
        pytest.param({"Last_Modified": A_MINUTE_AGO}, None, id="no-clock"),
        pytest.param({"Last_Modified": "yesterday", "Date": DATE}, None, id="no-date"),
        pytest.param(
            {"ETag": 'W/"v1"', "Last_Modified": A_MINUTE_AGO, "Date": DATE},
            None,
            id="weak-tag-and-settled",
        ),
        pytest.param(
            {"ETag": '"v1"', "Last_Modified": JUST_NOW, "Date": DATE},
            '"v1"',
            id="strong-tag-and-just-made",
        ),
    ],
)
def test_only_what_changes_with_any_byte_names_a_version(given, validator):
    """A strong ETag, or without any ETag a date that lies back long enough."""
    version = read_version(PLACE, headers(Content_Length="100", **given))
    assert (version.validator if version else None) == validator


def test_two_tags_name_no_version():
    """A host that contradicts itself is not believed."""
    two = CIMultiDict([("ETag", '"a"'), ("ETag", '"b"'), ("Content-Length", "100")])
    assert read_version(PLACE, two) is None


@pytest.mark.parametrize(
    ("given", "size"),
    [
        pytest.param({"Content_Length": "100"}, 100, id="told"),
        pytest.param({}, None, id="not-told"),
        pytest.param({"Content_Length": "0"}, 0, id="empty"),
        pytest.param({"Content_Length": "-1"}, None, id="negative"),
        pytest.param(
            {"Content_Length": "100", "Content_Encoding": "gzip"}, None, id="packed"
        ),
        pytest.param(
            {"Content_Length": "100", "Content_Encoding": "Identity"},
            100,
            id="verbatim",
        ),
    ],
)
def test_the_size_of_a_file_is_that_of_its_own_bytes(given, size):
    """What is packed has another size on the wire, and cannot be continued."""
    assert read_size(headers(**given)) == size
    version = read_version(PLACE, headers(ETag='"v1"', **given))
    assert (version.size if version else 0) == (size or 0)


def test_the_rest_is_asked_for_by_its_first_byte_and_version():
    """A host whose file has changed then sends all of the new one."""
    assert VERSION.rest(40) == {"Range": "bytes=40-", "If-Range": '"v1"'}


def test_an_exact_answer_is_the_rest():
    """The part that was asked for, of the version that is there."""
    assert VERSION.is_rest(40, PLACE, CIMultiDict(REST))


def test_a_rest_is_also_known_by_its_date():
    """The same Last-Modified again, from a host that sends no ETag."""
    told = headers(
        Content_Length="100", Last_Modified=A_MINUTE_AGO, Date=DATE, ETag=None
    )
    version = read_version(PLACE, told)
    told["Content-Range"] = "bytes 40-99/100"
    assert version is not None
    assert version.is_rest(40, PLACE, told)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"Content-Range": "bytes 39-99/100"}, id="earlier"),
        pytest.param({"Content-Range": "bytes 41-99/100"}, id="later"),
        pytest.param({"Content-Range": "bytes 40-98/100"}, id="shorter"),
        pytest.param({"Content-Range": "bytes 40-99/101"}, id="of-a-longer-file"),
        pytest.param({"Content-Range": "bytes 40-99/*"}, id="of-an-unknown-size"),
        pytest.param({"Content-Range": "bytes */100"}, id="no-part"),
        pytest.param({"Content-Range": "40-99/100"}, id="no-unit"),
        pytest.param({"Content-Range": ""}, id="nowhere"),
        pytest.param({"ETag": '"v2"'}, id="another-version"),
        pytest.param({"ETag": 'W/"v1"'}, id="weak"),
        pytest.param({"ETag": ""}, id="no-version"),
        pytest.param({"Content-Encoding": "gzip"}, id="packed"),
    ],
)
def test_any_doubt_makes_it_another_part(odd):
    """Nearly right is wrong."""
    assert not VERSION.is_rest(40, PLACE, CIMultiDict({**REST, **odd}))


def test_missing_and_repeated_words_are_doubts():
    """So says a host that does not know what it sends, as with several parts in one."""
    without = CIMultiDict(REST)
    del without["Content-Range"]
    twice = CIMultiDict([*REST.items(), ("Content-Range", REST["Content-Range"])])
    assert not VERSION.is_rest(40, PLACE, without)
    assert not VERSION.is_rest(40, PLACE, twice)


def test_a_version_means_nothing_at_another_place():
    """Two files of one host may carry the same ETag."""
    assert not VERSION.is_rest(40, "https://files.example/b.png", CIMultiDict(REST))
