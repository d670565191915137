"""A client with a journal: a key is bought once, and nothing is forgotten by a crash."""

from __future__ import annotations

import asyncio
import resource
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aivideo_async import (
    NO_RETRY,
    AsyncClient,
    BudgetExceededError,
    ConfigurationError,
    GenerationRequest,
    GptImage2,
    InvalidRequestError,
    JournalError,
    OutcomeUnknownError,
    TaskFailedError,
    TaskStatus,
    WaitTimeoutError,
)
from aivideo_async.emulator import Act, Rule
from aivideo_async.journal import Journal, State
from aivideo_async.models.wire import Exchange, Fault, FaultKind, WireRequest
from tests.client.conftest import Emulate
from tests.client.scripted import Scripted, accepted, lost, not_sent, refused, view
from tests.client.world import AT_ONCE, World, mug, mugs
from tests.warp import warped

HOOK = "https://shop.example/hooks/secret/token"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the journal's file."""
    return tmp_path / "jobs.db"


def left_by_a_crash(path: Path) -> Path:
    """Copy what is on the disk in this instant: all that a killed process leaves."""
    copy = path.parent / "after" / path.name
    copy.parent.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        if file.is_file() and not file.name.endswith("-lock"):
            shutil.copy(file, copy.parent)
    return copy


def state_of(path: Path, key: str = "0") -> State | None:
    """Read what is durable of *key*."""
    with Journal.reading(path) as journal:
        record = journal.find(key)
    return None if record is None else record.state


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond its first pages inside this block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def hook_of(request: GenerationRequest) -> str:
    """Make a URL for each request."""
    return f"{HOOK}-{request.key}"


# --- a key is bought once ---------------------------------------------------------


@warped
@pytest.mark.parametrize("again", ["generate", "submit", "generate_many"])
async def test_a_known_key_returns_its_task_and_buys_nothing(
    world: World, path: Path, again: str
):
    """In another client too: nothing is sent, not even a look."""
    async with world.client(journal=path) as client:
        bought = await world.call(client.generate, mug())
    async with world.client(journal=path) as client:
        sent = len(world.emulator.requests)
        if again == "generate_many":
            (outcome,) = await world.collect(client.generate_many([mug()]))
            task = outcome.unwrap()
        else:
            task = await world.call(getattr(client, again), mug())
        assert sent == len(world.emulator.requests)
    assert (bought.id, bought.output) == (task.id, task.output)


@warped
async def test_two_who_ask_for_one_key_at_once_get_one_task(world: World, path: Path):
    """The second waits for what comes of the first."""
    async with world.client(journal=path) as client, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(world.call(client.generate, mug())) for _ in range(3)
        ]
    assert 1 == len({task.result().id for task in tasks}) == len(world.charged)


@warped
async def test_a_key_that_stands_twice_in_a_run_is_bought_once(
    world: World, path: Path
):
    """Both places get the task."""
    requests = [mug(1), mug(2), mug(1)]
    async with world.client(journal=path) as client:
        outcomes = await world.collect(client.generate_many(requests))
    assert [0, 1, 2] == sorted(outcome.index for outcome in outcomes)
    assert 2 == len({outcome.unwrap().id for outcome in outcomes})


@warped
async def test_a_waiting_second_buys_if_the_first_was_not_sent(path: Path):
    """Nothing came of that one."""
    wire = Scripted([not_sent(), accepted()], [view()])
    async with AsyncClient(transport=wire, journal=path, retry=NO_RETRY) as client:
        results = await _settled(client.submit(mug()), client.submit(mug()))
    assert ["NotSentError", "Task"] == [type(result).__name__ for result in results]


@warped
async def test_a_key_is_let_go_once(path: Path):
    """Also if its task ends before the acceptance is durable."""
    wire = Scripted([accepted()], [view()])
    async with AsyncClient(transport=wire, journal=path, polling=AT_ONCE) as client:
        results = await _settled(*(client.generate(mug()) for _ in range(2)))
    assert ["t-1", "t-1"] == [task.id for task in results]


@warped
async def test_a_key_stands_for_one_request(world: World, path: Path):
    """Another request with it is refused, and nothing is sent."""
    async with world.client(journal=path) as client:
        await world.call(client.submit, mug())
        with pytest.raises(InvalidRequestError, match="'0' was used"):
            await client.submit(GptImage2("something else", key="0"))
    assert 1 == len(world.charged)


@warped
async def test_without_a_key_everything_is_bought(world: World, path: Path):
    """And written down all the same."""
    async with world.client(journal=path) as client:
        for number in range(2):
            await world.call(client.submit, GptImage2(f"a mug without key {number}"))
    with Journal.reading(path) as journal:
        assert world.charged == [record.task_id for record in journal.unfinished()]


@warped
async def test_without_a_journal_a_key_is_only_a_label(world: World):
    """Two requests with one label are two purchases."""
    async with world.client() as client:
        for number in range(2):
            await world.call(client.submit, GptImage2(f"mug {number}", key="mug"))
    assert 2 == len(world.charged)


@warped
async def test_a_failed_task_stays_failed_until_it_is_released(path: Path):
    """Buying again takes the user's word, though the first was refunded."""
    failed = view(status="failed", error={"code": "x", "message": "no"})
    wire = Scripted([accepted("t-1"), accepted("t-2")], [failed, view("t-2")])
    journal = Journal(path)
    async with AsyncClient(transport=wire, journal=journal) as client:
        for _ in range(2):
            with pytest.raises(TaskFailedError):
                await client.generate(mug(), timeout=30)
        assert 1 == len(wire.creates)
        await journal.release("0")
        assert "t-2" == (await client.generate(mug())).id


@warped
@pytest.mark.parametrize(
    "line", [not_sent(), refused("invalid_request"), refused("insufficient_credits")]
)
async def test_what_was_not_bought_may_be_bought_later(path: Path, line: Exchange):
    """By the same key, in a new attempt."""
    wire = Scripted([line, accepted()])
    async with AsyncClient(transport=wire, journal=path, retry=NO_RETRY) as client:
        with pytest.raises(Exception, match=r"[Nn]othing was (charged|sent)"):
            await client.submit(mug())
    async with AsyncClient(transport=wire, journal=path) as client:
        assert "t-1" == (await client.submit(mug())).id


# --- the intent comes first -------------------------------------------------------


class Nosy:
    """A wire that reads the journal in the instant in which a create would leave."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seen: list[State | None] = []

    async def exchange(self, request: WireRequest) -> Exchange:
        """Look into the journal, then accept."""
        self.seen.append(state_of(self._path))
        request.sent = True
        return accepted()

    async def aclose(self) -> None:
        """Close nothing."""


@warped
async def test_the_intent_is_durable_before_the_request_leaves(path: Path):
    """Whatever happens to us after that, somebody can know that it was sent."""
    wire = Nosy(path)
    async with AsyncClient(transport=wire, journal=path) as client:
        await client.submit(mug())
    assert [State.SUBMITTING] == wire.seen


@warped
async def test_submit_returns_when_the_task_is_in_the_journal(path: Path):
    """What a caller does with the id can rely on that."""
    wire = Scripted([accepted()])
    async with AsyncClient(transport=wire, journal=path) as client:
        await client.submit(mug())
        assert State.RUNNING is state_of(path)


@warped
async def test_each_refusal_by_the_rate_limit_is_an_attempt(path: Path):
    """None is overwritten; the last one counts."""
    wire = Scripted([refused("rate_limit_exceeded", 1.0)] * 2 + [accepted()])
    async with AsyncClient(transport=wire, journal=path) as client:
        await client.submit(mug())
    with Journal.reading(path) as journal:
        record = journal.find("0")
    assert record is not None
    assert (State.RUNNING, 3) == (record.state, record.attempt)


# --- after a crash ----------------------------------------------------------------


@warped
async def test_a_create_that_was_on_the_wire_is_unknown_after_a_crash(path: Path):
    """It is never sent again by itself; the error says what is known."""
    answer: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    wire = Scripted([answer])
    async with AsyncClient(transport=wire, journal=path) as client:
        asking = asyncio.ensure_future(client.submit(mug()))
        await _until(lambda: wire.creates)
        copy = left_by_a_crash(path)
        answer.set_result(accepted())
        await asking
    later = Scripted([accepted("t-2")])
    async with AsyncClient(transport=later, journal=copy) as client:
        with pytest.raises(OutcomeUnknownError, match="'0'") as caught:
            await client.submit(mug())
        assert "the process ended" in caught.value.evidence.reason
    assert not later.creates


@warped
async def test_a_task_that_ran_is_followed_after_a_crash(world: World, path: Path):
    """It is unclaimed until somebody asks for it, by its key or by its id."""
    async with world.client(journal=path) as client:
        task = await world.call(client.submit, mug())
        copy = left_by_a_crash(path)
    async with world.client(journal=copy) as client:
        assert (task.id,) == client.unclaimed
        done = await world.call(client.generate, mug())
        assert TaskStatus.COMPLETED is done.status
        assert not client.unclaimed
    async with world.client(journal=copy) as client:
        assert not client.unclaimed
    assert [task.id] == world.charged


@warped
async def test_whoever_asks_for_a_followed_task_takes_the_following_over(
    world: World, path: Path
):
    """There are no two that look at it."""
    async with world.client(journal=path) as client:
        await world.call(client.submit, mug())
        copy = left_by_a_crash(path)
    async with world.client(journal=copy) as client:
        before = len(world.times("GET"))
        await world.call(client.generate, mug())
        assert 12 > len(world.times("GET")) - before


@warped
async def test_what_completes_unasked_is_kept_for_the_next_client(
    world: World, path: Path
):
    """Its result stands in the journal; its id is unclaimed until somebody has it."""
    async with world.client(journal=path) as client:
        task = await world.call(client.submit, mug())
    async with world.client(journal=path) as client:
        await asyncio.sleep(60)
        assert State.DONE is state_of(path)
        assert (task.id,) == client.unclaimed
    async with world.client(journal=path) as client:
        assert (task.id,) == client.unclaimed
        assert task.id == (await world.call(client.wait, task.id)).id
        assert not client.unclaimed
    async with world.client(journal=path) as client:
        assert not client.unclaimed


@warped
async def test_a_result_of_wait_and_get_task_is_written_down_too(
    world: World, path: Path
):
    """Whoever sees the end of a task of ours, it is known from then on."""
    async with world.client(journal=path) as client:
        waited, seen = [await world.call(client.submit, mug(n)) for n in range(2)]
        await world.call(client.wait, waited)
        await world.call(client.get_task, seen.id)
    assert [State.DONE] * 2 == [state_of(path, str(n)) for n in range(2)]


@warped
async def test_a_callback_settles_what_was_unknown_before_the_restart(path: Path):
    """The address was made for that create alone, and the journal has it."""
    wire = Scripted([lost()])
    async with AsyncClient(transport=wire, journal=path) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.submit(mug(), callback_url=hook_of)
    wire = Scripted([accepted("t-2")], [view("t-1")])
    async with AsyncClient(transport=wire, journal=path) as client:
        assert client.called_back("t-1", hook_of(mug()))
        await _until(lambda: client.unclaimed)
        assert "t-1" == (await client.generate(mug())).id
        assert not client.unclaimed
    assert not wire.creates
    assert State.DONE is state_of(path)


@warped
async def test_a_salvaged_id_is_unknown_until_a_look_confirms_it(path: Path):
    """A crash in between leaves it unknown, with the id in the evidence."""
    broken = Exchange(
        True,
        200,
        {},
        b'{"code":200,"data":{"taskId":"t-1"',
        Fault(FaultKind.BROKEN, "the answer broke off"),
    )
    look: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    wire = Scripted([broken], [look])
    async with AsyncClient(transport=wire, journal=path) as client:
        asking = asyncio.ensure_future(client.submit(mug()))
        await _until(lambda: wire.looks)
        await _until(lambda: state_of(path) is State.UNKNOWN)
        copy = left_by_a_crash(path)
        look.set_result(view(status="processing"))
        await asking
        assert State.RUNNING is state_of(path)
    with Journal.reading(copy) as journal:
        (record,) = journal.unknown()
    assert record.evidence is not None
    assert "t-1" in record.evidence.reason


@warped
async def test_an_id_that_an_earlier_client_bought_is_a_stray_answer(path: Path):
    """It belongs to another request, however long ago that was."""
    wire = Scripted([accepted("t-1")], [view()])
    async with AsyncClient(transport=wire, journal=path) as client:
        await client.generate(mug(1))
    async with AsyncClient(transport=wire, journal=path) as client:
        with pytest.raises(OutcomeUnknownError, match="another request"):
            await client.generate(mug(2))
    assert State.UNKNOWN is state_of(path, "2")


@warped
async def test_closing_by_force_leaves_what_was_open_unknown(path: Path):
    """Its bytes may have left; the journal says so."""
    wire = Scripted([asyncio.get_running_loop().create_future()])
    client = AsyncClient(transport=wire, journal=path)
    asking = asyncio.ensure_future(_settled(client.submit(mug())))
    await _until(lambda: wire.creates)
    closing = asyncio.ensure_future(client.aclose())
    for _ in range(2):
        await asyncio.sleep(1)
        closing.cancel()
    await asyncio.wait([closing])
    (error,) = await asking
    assert isinstance(error, OutcomeUnknownError | WaitTimeoutError)
    assert State.UNKNOWN is state_of(path)


# --- money ------------------------------------------------------------------------


@warped
async def test_the_ceiling_counts_what_earlier_clients_spent(world: World, path: Path):
    """A program that is started over and over cannot pass it."""
    price = mug().price or Decimal(0)
    async with world.client(journal=path, max_credits=price) as client:
        await world.call(client.generate, mug(1))
    async with world.client(journal=path, max_credits=price) as client:
        assert price == client.stats().committed
        with pytest.raises(BudgetExceededError):
            await client.generate(mug(2))
        await world.call(client.generate, mug(1))  # it is paid for already
    assert 1 == len(world.charged)


@warped
async def test_a_refund_after_the_restart_gives_room(emulate: Emulate, path: Path):
    """What failed costs nothing, whoever bought it."""
    world = emulate(Rule("create", Act(works=True, dooms=True), nth=1))
    price = mug().price or Decimal(0)
    async with world.client(journal=path, max_credits=price) as client:
        await world.call(client.submit, mug(1))
    async with world.client(journal=path, max_credits=price) as client:
        await asyncio.sleep(60)
        assert 0 == client.stats().committed
        await world.call(client.generate, mug(2))


# --- a journal that cannot be written -----------------------------------------------


@warped
async def test_one_client_at_a_time_has_a_journal(world: World, path: Path):
    """The other is told who has it, before anything is sent."""
    async with world.client(journal=path):
        with pytest.raises(ConfigurationError, match="in use"):
            await world.client(journal=path).credits()


@warped
async def test_another_service_is_refused(world: World, path: Path):
    """What was bought there cannot be found here."""
    async with world.client(journal=path):
        pass
    other = world.client(journal=path, base_url="https://example.com")
    with pytest.raises(ConfigurationError, match=r"example\.com"):
        await other.credits()


@warped
async def test_without_a_durable_intent_nothing_is_sent(path: Path):
    """A full disk stops the buying; what is read and not sent says so."""
    wire = Scripted([accepted()])
    journal = Journal(path)
    async with AsyncClient(transport=wire, journal=journal) as client:
        outcomes = []
        with full_disk(), pytest.raises(JournalError, match="cannot be written"):
            async for outcome in client.generate_many(mugs(3)):
                outcomes.append(outcome)  # noqa: PERF401  (it raises)
    assert not wire.creates
    assert [False] * 3 == [outcome.ok for outcome in outcomes]


async def _until(true: Callable[[], Any]) -> None:
    while not true():
        await asyncio.sleep(0.01)


async def _settled(*verbs: Awaitable[Any]) -> list[Any]:
    """Await all at once; return what each gave or raised."""
    tasks = [asyncio.ensure_future(verb) for verb in verbs]
    await asyncio.wait(tasks)
    return [task.exception() or task.result() for task in tasks]
