"""What a file is, and whether all of it is there."""

from __future__ import annotations

import io

import pytest

from aivideo_async.downloads.media import BrokenMediaError, inspect
from tests.downloads.samples import GIF, JPEG, MP4, PNG, WAV, WEBP, box, riff


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        pytest.param(PNG, ".png", id="png"),
        pytest.param(JPEG, ".jpg", id="jpeg"),
        pytest.param(GIF, ".gif", id="gif"),
        pytest.param(WEBP, ".webp", id="webp"),
        pytest.param(WAV, ".wav", id="wav"),
        pytest.param(MP4, ".mp4", id="mp4"),
        pytest.param(box(b"ftyp", b"qt  "), ".mov", id="mov"),
        pytest.param(box(b"ftyp", b"avif"), ".avif", id="avif"),
        pytest.param(box(b"ftyp", b"heic"), ".heic", id="heic"),
        pytest.param(box(b"ftyp", b"M4A "), ".m4a", id="m4a"),
        pytest.param(b"\x1aE\xdf\xa3...", ".webm", id="webm"),
        pytest.param(b"ID3...", ".mp3", id="mp3-with-tag"),
        pytest.param(b"\xff\xfb...", ".mp3", id="mp3"),
        pytest.param(b"fLaC...", ".flac", id="flac"),
        pytest.param(b"OggS...", ".ogg", id="ogg"),
        pytest.param(b"new format", ".bin", id="unknown"),
        pytest.param(b"\x89", ".bin", id="one-byte"),
    ],
)
def test_the_suffix_follows_the_content(data, suffix):
    """The first bytes decide; what nobody knows is .bin."""
    assert suffix == inspect(io.BytesIO(data))


@pytest.mark.parametrize("lost", [1, 8, 100])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG, id="png"),
        pytest.param(JPEG, id="jpeg"),
        pytest.param(GIF, id="gif"),
        pytest.param(WEBP, id="webp"),
        pytest.param(WAV, id="wav"),
        pytest.param(MP4, id="mp4"),
    ],
)
def test_a_truncated_file_is_refused(data, lost):
    """A file whose end is missing never passes for a result."""
    with pytest.raises(BrokenMediaError, match="truncated"):
        inspect(io.BytesIO(data[:-lost]))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG + bytes(100), id="png-padded"),
        pytest.param(JPEG + b"\n" * 100, id="jpeg-padded"),
        pytest.param(GIF + bytes(100), id="gif-padded"),
        pytest.param(WEBP + bytes(100), id="webp-padded"),
        pytest.param(riff(b"WAVE", b"data", declared=0), id="wav-streamed"),
        pytest.param(riff(b"WAVE", b"data", declared=0xFFFFFFFF), id="wav-unsized"),
        pytest.param(
            box(b"ftyp", b"isom") + b"\0\0\0\0mdat" + bytes(100), id="mp4-open-end"
        ),
        pytest.param(
            box(b"ftyp", b"isom") + b"\0\0\0\x01mdat" + (120).to_bytes(8) + bytes(104),
            id="mp4-large-box",
        ),
    ],
)
def test_what_writers_leave_behind_the_end_is_tolerated(data):
    """A check refuses only what is certainly cut off."""
    assert inspect(io.BytesIO(data)) != ".bin"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<!DOCTYPE html><title>Sign in</title>", id="page"),
        pytest.param(b"\xef\xbb\xbf\r\n <HTML>", id="page-with-bom"),
    ],
)
def test_what_is_no_result_is_refused(data):
    """A login page with status 200 is not saved as a picture."""
    with pytest.raises(BrokenMediaError):
        inspect(io.BytesIO(data))
