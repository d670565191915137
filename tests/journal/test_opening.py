"""Opening: what a journal is, whose it is, where it may lie, and who may read it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aivideo_async import ConfigurationError, JournalError
from aivideo_async.journal import Journal, State, places, schema
from tests.journal.helpers import KEY, ORIGIN, intent, opened, run
from tests.warp import warped

pytestmark = warped

NOBODY = 65534


def names(folder: Path) -> set[str]:
    """Name what is in a folder."""
    return {path.name for path in folder.iterdir()}


def refusal(path: Path, origin: str = ORIGIN) -> ConfigurationError:
    """Return what opening raises."""
    with pytest.raises(ConfigurationError) as caught:
        Journal(path).open(origin=origin, key_fingerprint=KEY)
    return caught.value


# --- the file -------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["jobs.db", "a b?c#d%20.db", ":memory:", "größe", "file:x"]
)
async def test_any_name_is_a_file(name: str, tmp_path: Path, monkeypatch):
    """No name is special, relative ones neither."""
    monkeypatch.chdir(tmp_path)
    async with opened(Path(name)) as journal:
        await run(journal, "mug", "t-1")
    assert {name, f"{name}-lock"} == names(tmp_path)


async def test_only_the_owner_may_read_it(tmp_path: Path):
    """Prompts may be private; so are the files beside it."""
    async with opened(tmp_path / "jobs.db") as journal:
        await run(journal, "mug", "t-1")
        assert 4 == len(names(tmp_path))
        for name in names(tmp_path):
            assert 0o600 == stat.S_IMODE((tmp_path / name).stat().st_mode)


async def test_the_name_of_a_new_file_is_flushed_too(tmp_path: Path, monkeypatch):
    """Else the loss of power could take the whole file."""
    flushed: list[int] = []
    folder, flush = tmp_path.stat().st_ino, os.fsync  # noqa: ASYNC240

    def noted(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    async with opened(tmp_path / "jobs.db"):
        assert folder in flushed


async def test_every_commit_is_flushed(tmp_path: Path):
    """A lost intent would be paid for twice."""
    async with opened(tmp_path / "jobs.db") as journal:
        assert journal._writer is not None
        db = journal._writer._db
        values = [
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "fullfsync", "foreign_keys")
        ]
    assert ["wal", 2, 1, 1] == values


async def test_a_place_without_shared_memory_is_refused(tmp_path: Path, monkeypatch):
    """There a commit would not be what it is said to be."""
    plainly = places.connect

    def without(path: Path, mode: str) -> sqlite3.Connection:
        return plainly(path, f"{mode}&vfs=unix-dotfile")

    monkeypatch.setattr(places, "connect", without)
    with pytest.raises(JournalError, match="write-ahead log"):
        Journal(tmp_path / "jobs.db").open(origin=ORIGIN, key_fingerprint=KEY)


async def test_a_missing_folder_is_not_made(tmp_path: Path):
    """It would be a typing error."""
    with pytest.raises(JournalError, match=r"cannot be written: No such file.*sent"):
        Journal(tmp_path / "no" / "jobs.db").open(origin="x", key_fingerprint="y")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
async def test_what_is_no_file_is_no_journal(make, tmp_path: Path):
    """A folder, or a pipe that nobody writes to."""
    make(tmp_path / "jobs.db")
    assert "is no journal" in str(refusal(tmp_path / "jobs.db"))


def another_program(path: Path) -> None:
    """Make another program's database."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE run (origin)")
    db.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_text("key,prompt\nmug,a red mug\n"),
        lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(200)),
        another_program,
    ],
    ids=["a sheet", "garbage", "another program's"],
)
@pytest.mark.parametrize("reading", [False, True], ids=["for writing", "for reading"])
async def test_a_file_that_is_no_journal_is_left_alone(
    make, reading: bool, tmp_path: Path
):
    """Byte by byte, and nothing is put beside it."""
    path = tmp_path / "jobs.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="is no journal"):
        if reading:
            Journal.reading(path)
        else:
            Journal(path).open(origin=ORIGIN, key_fingerprint=KEY)
    assert before == path.read_bytes()
    assert {"jobs.db"} == names(tmp_path)


async def half_checkpoint(journal: Journal) -> None:
    """Write, and move only the first page out of the log: it tells of all the others."""
    for number in range(8):
        await journal.intend(intent(f"mug-{number}", bytes(3000)))[1]
    whole = journal.path.with_name("whole.db")
    copied(journal.path, whole)
    with closing(sqlite3.connect(whole)) as db:
        db.execute("PRAGMA wal_checkpoint")
    with journal.path.open("r+b") as file:
        file.write(whole.read_bytes()[:4096])


def copied(path: Path, to: Path) -> None:
    """Copy a database and its log, as they are in this instant."""
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{to}{end}")


@pytest.mark.parametrize("reading", [False, True], ids=["for writing", "for reading"])
async def test_a_crash_within_a_checkpoint_is_mended(reading: bool, tmp_path: Path):
    """The first page tells of others that are in the log only, where nothing is lost."""
    path = tmp_path / "jobs.db"
    async with opened(tmp_path / "dying.db") as journal:
        await half_checkpoint(journal)
        copied(journal.path, path)
    if reading:
        with Journal.reading(path) as reader:
            assert 8 == len(reader.unknown())
    async with opened(path) as journal:
        assert 8 == len(journal.unknown())
        assert [("ok",)] == journal._rows("PRAGMA integrity_check")


@pytest.mark.parametrize("reading", [False, True], ids=["for writing", "for reading"])
async def test_another_programs_log_is_left_alone(reading: bool, tmp_path: Path):
    """What it committed stands where it stood, and is not moved into its file."""
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE run (origin)")
        copied(tmp_path / "theirs.db", path)
    log = tmp_path / "jobs.db-wal"
    before = path.read_bytes(), log.read_bytes()
    with pytest.raises(ConfigurationError, match="is no journal"):
        if reading:
            Journal.reading(path)
        else:
            Journal(path).open(origin=ORIGIN, key_fingerprint=KEY)
    assert before == (path.read_bytes(), log.read_bytes())
    assert "jobs.db-lock" not in names(tmp_path)


@pytest.mark.parametrize("reading", [False, True], ids=["for writing", "for reading"])
async def test_another_programs_half_written_file_is_no_journal(
    reading: bool, tmp_path: Path, monkeypatch
):
    """It is seen at the latest when it is used, before anything is changed."""
    path = tmp_path / "jobs.db"
    another_program(path)
    before = path.read_bytes()
    monkeypatch.setattr(places, "is_marked", malformed)
    with pytest.raises(ConfigurationError, match="is no journal"):
        if reading:
            Journal.reading(path)
        else:
            Journal(path).open(origin=ORIGIN, key_fingerprint=KEY)
    assert before == path.read_bytes()


def malformed(_: sqlite3.Connection) -> bool:
    """Fail as SQLite does where pages are missing that the first one tells of."""
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    raise error


async def test_an_empty_file_becomes_a_journal(tmp_path: Path):
    """It is what a process leaves that dies at its very first step."""
    (tmp_path / "jobs.db").touch()
    async with opened(tmp_path / "jobs.db") as journal:
        assert 1 == await run(journal, "mug", "t-1")


# --- versions -------------------------------------------------------------------


async def test_a_newer_version_is_refused(tmp_path: Path):
    """Whoever wrote it knows more than we do."""
    path = tmp_path / "jobs.db"
    async with opened(path):
        pass
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    db.close()
    before = path.read_bytes()
    assert "newer aivideo-async (version 2, this one knows 1)" in str(refusal(path))
    assert before == path.read_bytes()
    with pytest.raises(ConfigurationError, match="newer aivideo-async"):
        Journal.reading(path)


async def test_an_older_version_is_brought_up_to_date(tmp_path: Path, monkeypatch):
    """With all it holds; who only reads is told, and changes nothing."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await run(journal, "mug", "t-1")
    step = ("ALTER TABLE item ADD COLUMN note TEXT", "UPDATE item SET note = 'old'")
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, step))
    with pytest.raises(ConfigurationError, match=r"older version \(1, this one is 2\)"):
        Journal.reading(path)
    async with opened(path) as journal:
        assert [("old",)] == journal._rows("SELECT note FROM item")
        assert [(2,)] == journal._rows("PRAGMA user_version")
        assert ["t-1"] == [record.task_id for record in journal.unfinished()]
    with Journal.reading(path) as reader:
        assert reader.has_task("t-1")


async def test_a_step_that_fails_leaves_the_older_version(tmp_path: Path, monkeypatch):
    """All of a step is taken, or none."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await run(journal, "mug", "t-1")
    steps = schema.STEPS
    monkeypatch.setattr(schema, "STEPS", (*steps, ("DROP TABLE row", "NONSENSE")))
    with pytest.raises(JournalError, match="NONSENSE"):
        Journal(path).open(origin=ORIGIN, key_fingerprint=KEY)
    monkeypatch.setattr(schema, "STEPS", steps)
    async with opened(path) as journal:
        assert [] == journal._rows("SELECT * FROM row")


# --- whose it is ----------------------------------------------------------------


async def test_a_journal_belongs_to_one_api(tmp_path: Path):
    """What the emulator sold is never looked for at the service."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await journal.intend(intent("mug"))[1]
    text = str(refusal(path, "http://127.0.0.1:8080"))
    assert f"belongs to {ORIGIN}" in text
    assert "http://127.0.0.1:8080" in text
    with Journal.reading(path) as reader:
        record = reader.find("mug")
        assert record is not None
        assert record.ended_at is None  # nothing was changed


async def test_another_key_is_warned_of_each_time(tmp_path: Path, caplog):
    """Keys are renewed; but another account's tasks would not be found."""
    path = tmp_path / "jobs.db"
    async with opened(path):
        pass
    for _ in range(2):
        journal = Journal(path)
        journal.open(origin=ORIGIN, key_fingerprint="99999999")
        assert journal.other_key
        await journal.aclose()
    async with opened(path) as journal:
        assert not journal.other_key
    assert 2 == len(caplog.records)
    assert "another key (1f2e3d4c, now 99999999)" in caplog.text


async def test_two_clients_of_a_process_do_not_share_a_journal(tmp_path: Path):
    """They are told to share a client; afterwards the lock is free."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        text = str(refusal(path))
        assert f"in use by another client of this process ({os.getpid()})" in text
        assert "share one client" in text
        await run(journal, "mug", "t-1")
    async with opened(path):
        pass


async def test_a_link_to_a_journal_is_that_journal(tmp_path: Path):
    """Nobody gets around the lock by another name."""
    path = tmp_path / "jobs.db"
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link.db"
    link.symlink_to(path)
    async with opened(path):
        assert "in use" in str(refusal(link))


HOLD = """
import asyncio, sys
from aivideo_async.journal import Journal

async def main():
    journal = Journal(sys.argv[1])
    journal.open(origin="https://api.aivideoapi.ai", key_fingerprint="1f2e3d4c")
    print("open", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


def holding(path: Path) -> subprocess.Popen[bytes]:
    """Let another process open a journal."""
    command = [sys.executable, "-c", HOLD, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


async def test_another_process_is_named_and_its_death_frees_the_lock(tmp_path: Path):
    """However it dies; meanwhile anybody may read."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await run(journal, "mug", "t-1")
    with holding(path) as holder:
        assert holder.stdout is not None
        assert b"open\n" == holder.stdout.readline()
        text = str(refusal(path))
        with Journal.reading(path) as reader:
            assert reader.has_task("t-1")
        holder.kill()
    assert f"in use by process {holder.pid} on " in text
    assert "Nothing was sent" in text
    async with opened(path) as journal:
        assert journal.has_task("t-1")


async def test_a_holder_that_is_not_known_yet_is_another_process(tmp_path: Path):
    """It has the lock, and no time yet to say so."""
    path = tmp_path / "jobs.db"
    path.touch()
    lock = sqlite3.connect(f"{path}-lock", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert "in use by another process." in str(refusal(path))
    lock.close()


# --- who may read ---------------------------------------------------------------


async def test_a_reader_sees_each_commit(tmp_path: Path):
    """While another one writes."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        with Journal.reading(path) as reader:
            assert [] == reader.unfinished()
            await run(journal, "mug", "t-1")
            assert ["t-1"] == [record.task_id for record in reader.unfinished()]
            assert 4700 == reader.committed()
    with pytest.raises(ConfigurationError, match="is not open"):
        reader.unfinished()
    reader.close()  # once more changes nothing


async def test_a_reader_beside_a_checkpoint_is_not_sent_away(tmp_path: Path):
    """While the log is being moved into the file, which takes many writes."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await half_checkpoint(journal)
        with Journal.reading(path) as reader:
            assert reader.find("mug-7") is not None


async def test_a_reader_knows_who_writes(tmp_path: Path):
    """Asking disturbs nobody; afterwards it is still known who did last."""
    path = tmp_path / "jobs.db"
    async with opened(path):
        for _ in range(3):
            with Journal.reading(path) as reader:
                assert reader.is_held
    async with opened(path):  # nobody kept the lock
        pass
    with Journal.reading(path) as reader:
        owner = reader.owner()
    assert not reader.is_held
    assert owner is not None
    assert (ORIGIN, KEY, os.getpid()) == (
        owner.origin,
        owner.key_fingerprint,
        owner.pid,
    )
    with pytest.raises(ConfigurationError, match="is not open"):
        reader.owner()


async def test_who_only_looks_locks_nobody_out(tmp_path: Path):
    """Opening waits for as long as a look takes."""
    path = tmp_path / "jobs.db"
    async with opened(path):
        pass
    lock = sqlite3.connect(
        f"{path}-lock", isolation_level=None, check_same_thread=False
    )
    with closing(lock) as look:
        look.execute("BEGIN IMMEDIATE")
        threading.Timer(0.02, look.rollback).start()
        async with opened(path) as journal:
            assert [] == journal.unfinished()


async def test_what_a_dead_process_was_sending_is_read_as_unknown(tmp_path: Path):
    """While it lived it was on its way; afterwards nobody saw its answer."""
    path = tmp_path / "jobs.db"
    async with opened(path) as journal:
        await journal.intend(intent("mug"))[1]
        with Journal.reading(path) as reader:
            assert [] == reader.unknown()
    with Journal.reading(path) as reader:
        (record,) = reader.unknown()
    assert ("mug", State.UNKNOWN) == (record.key, record.state)
    assert record.evidence is not None
    assert "the process ended" in record.evidence.reason


async def test_who_reads_what_is_not_there_is_told(tmp_path: Path):
    """And nothing is made."""
    with pytest.raises(JournalError, match="cannot be read: No such file"):
        Journal.reading(tmp_path / "jobs.db")
    assert not names(tmp_path)


async def test_an_empty_file_has_nothing_to_read(tmp_path: Path):
    """It may become a journal yet."""
    (tmp_path / "jobs.db").touch()
    with pytest.raises(ConfigurationError, match="older version"):
        Journal.reading(tmp_path / "jobs.db")


async def test_a_journal_that_breaks_while_it_is_read_is_told(tmp_path: Path):
    """As what it is, not as a bug."""
    path = tmp_path / "jobs.db"
    async with opened(path):
        pass
    db = sqlite3.connect(path)
    db.execute("DROP TABLE attempt")
    db.close()
    with Journal.reading(path) as reader:
        with pytest.raises(JournalError, match="cannot be read: no such table"):
            reader.committed()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that everybody can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
        Path(name).chmod(0o700)


@pytest.fixture
def powerless() -> Iterator[None]:
    """Be somebody whom permissions bind, if we are root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def bind(request: pytest.FixtureRequest, folder: Path, mode: int) -> None:
    """From here on be bound by the permissions of *folder*."""
    folder.chmod(mode)
    request.getfixturevalue("powerless")


async def written(folder: Path) -> Path:
    """Write a journal that everybody may read."""
    path = folder / "jobs.db"
    async with opened(path) as journal:
        await run(journal, "mug", "t-1")
    path.chmod(0o444)
    return path


async def test_a_folder_that_may_not_be_written_can_be_read(folder: Path, request):
    """An archive, somebody else's run: without leaving anything there."""
    path = await written(folder)
    bind(request, folder, 0o555)
    with Journal.reading(path) as reader:
        assert reader.has_task("t-1")
    assert {"jobs.db", "jobs.db-lock"} == names(folder)


async def test_what_nobody_checkpointed_is_not_overlooked(folder: Path, request):
    """Rather than an old state, a reader who cannot see the newest gets an error."""
    path = await written(folder)
    (folder / "jobs.db-wal").write_bytes(b"something")
    bind(request, folder, 0o555)
    with pytest.raises(JournalError, match="cannot be read"):
        Journal.reading(path)


async def test_a_folder_that_may_not_be_written_stops_buying(folder: Path, request):
    """Before anything is sent, and in words."""
    bind(request, folder, 0o555)
    with pytest.raises(JournalError, match=r"Permission denied\. Nothing was sent"):
        Journal(folder / "jobs.db").open(origin=ORIGIN, key_fingerprint=KEY)


@pytest.mark.parametrize("mode", [0o600, 0o444])
async def test_somebody_elses_journal_is_not_written(
    mode: int, folder: Path, request: pytest.FixtureRequest
):
    """What may be read only is not opened for buying, however its lock may be."""
    path = await written(folder)
    (folder / "jobs.db-lock").chmod(mode)
    bind(request, folder, 0o777)
    with pytest.raises(JournalError, match="Nothing was sent"):
        Journal(path).open(origin=ORIGIN, key_fingerprint=KEY)


async def test_whoever_reads_leaves_nothing_behind(tmp_path: Path):
    """A closed journal is one file and its lock, before and after somebody looks."""
    path = tmp_path / "jobs.db"
    async with opened(path):
        pass
    before = names_in(tmp_path)
    with Journal.reading(path) as reader:
        assert None is reader.find("mug")
    assert before == names_in(tmp_path)


def names_in(folder: Path) -> set[str]:
    """Return what lies in a folder."""
    return {file.name for file in folder.iterdir()}
