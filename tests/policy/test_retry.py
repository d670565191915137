"""When to try again: refused and never sent, yes; lost, never."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from attrs import exceptions, fields
from hypothesis import given, strategies as st

from aivideo_async import errors
from aivideo_async.models import Evidence, Fault, FaultKind
from aivideo_async.policy.judge import Look, LookKind, Verdict, VerdictKind, judge
from aivideo_async.policy.retry import NO_RETRY, Attempts, RetryPolicy
from tests.policy.answers import envelope

RNG = random.Random(1)
NOT_SENT = judge(False, None, b"", None)
FATAL = judge(False, None, b"", Fault(FaultKind.CERTIFICATE))
LIMITED = judge(True, 429, envelope("rate_limit_exceeded"), None)
UPSTREAM = judge(True, 503, envelope("upstream_error"), None)
UNKNOWN = judge(True, None, b"", None)
SPENT = judge(True, 429, envelope("spend_limit_exceeded", "billing_error"), None)
INVALID = judge(True, 400, envelope("invalid_request"), None)

THROTTLED = Look(LookKind.THROTTLED)
TRANSIENT = Look(LookKind.TRANSIENT)


def attempts(*, patience: float | None = 600.0, **policy: Any) -> Attempts:
    """Start the attempts of one request."""
    return Attempts(RetryPolicy(**policy), patience)


def pauses(of: Attempts, verdict: Verdict, most: int = 50) -> list[float]:
    """Fail in the same way until it is over; return the pauses in between."""
    found: list[float] = []
    while len(found) < most:
        pause = of.after_create(verdict, 0.0, RNG, None)
        if pause is None:
            break
        found.append(pause)
    return found


# --- what was lost --------------------------------------------------------------


@given(
    st.builds(
        RetryPolicy,
        patience=st.none() | st.floats(0, 1e9),
        not_sent_attempts=st.integers(1, 10**9),
        upstream_attempts=st.integers(1, 10**9),
        get_attempts=st.integers(1, 10**9),
    ),
    st.none() | st.floats(0, 1e9),
    st.none() | st.floats(0, 86400),
    st.none() | st.integers(-(10**3), 10**4),
    st.binary(max_size=50),
    st.none() | st.builds(Fault, st.sampled_from(FaultKind)),
)
def test_no_policy_ever_re_sends_what_was_lost(
    policy: RetryPolicy,
    patience: float | None,
    retry_after: float | None,
    status: int | None,
    body: bytes,
    fault: Fault | None,
) -> None:
    """Nor what was accepted."""
    verdict = judge(True, status, body, fault)
    if verdict.kind in {VerdictKind.UNKNOWN, VerdictKind.ACCEPTED}:
        again = Attempts(policy, patience).after_create(verdict, 0.0, RNG, retry_after)
        assert again is None


@pytest.mark.parametrize(
    "verdict",
    [
        pytest.param(UNKNOWN, id="unknown"),
        pytest.param(INVALID, id="invalid"),
        pytest.param(SPENT, id="spend limit"),
        pytest.param(FATAL, id="certificate refused"),
        pytest.param(Verdict(VerdictKind.ACCEPTED, task_id="t-1"), id="accepted"),
        pytest.param(
            Verdict(VerdictKind.UNKNOWN, evidence=Evidence()), id="bare unknown"
        ),
    ],
)
def test_what_trying_again_does_not_mend_is_over_at_once(verdict: Verdict):
    """However many attempts are allowed."""
    many = attempts(not_sent_attempts=9, upstream_attempts=9)
    assert [] == pauses(many, verdict)


# --- what was never sent --------------------------------------------------------


@pytest.mark.parametrize("allowed", [1, 2, 4, 9])
def test_what_was_never_sent_has_so_many_attempts_in_all(allowed: int):
    """The first one counts."""
    assert allowed - 1 == len(pauses(attempts(not_sent_attempts=allowed), NOT_SENT))


@pytest.mark.parametrize("seed", range(5))
def test_the_pauses_grow_up_to_a_bound(seed: int):
    """From .25 s, doubling, at most 8 s, each between half of it and all."""
    one = attempts()
    rng = random.Random(seed)
    for failure in range(2000):
        longest = min(8.0, 0.25 * 2 ** min(failure, 6))
        assert longest / 2 <= one.pause(rng) <= longest
    assert 2000 == one.failed


def test_the_pauses_are_spread():
    """Requests that failed together do not come back together."""
    first = {attempts().after_create(NOT_SENT, 0.0, RNG, None) for _ in range(50)}
    assert 50 == len(first)


# --- what the rate limit refused ------------------------------------------------


def refusals(of: Attempts, *moments: float, retry_after: float | None = None) -> Any:
    """Be refused at these moments; return what is allowed after each."""
    return [of.after_create(LIMITED, now, RNG, retry_after) for now in moments]


def test_patience_runs_from_the_first_refusal():
    """Time in the queue before it does not count; every refusal after it does."""
    one = attempts(patience=10.0)
    assert math.inf == one.patience_ends()
    assert [0.0, 0.0, 0.0, None] == refusals(one, 1000.0, 1005.0, 1009.9, 1010.0)
    assert 1010.0 == one.patience_ends()


def test_the_throttle_does_the_waiting_after_a_refusal():
    """So the request itself pauses for nothing, even with Retry-After."""
    assert [0.0, 0.0] == refusals(attempts(patience=10.0), 0.0, 1.0, retry_after=8.0)


@pytest.mark.parametrize(
    ("now", "retry_after", "again"),
    [(0.0, 9.9, 0.0), (0.0, 10.1, None), (4.0, 5.9, 0.0), (4.0, 6.1, None)],
)
def test_a_retry_after_beyond_the_patience_left_ends_it_at_once(
    now: float, retry_after: float, again: float | None
):
    """Waiting in vain would only cost time."""
    one = attempts(patience=10.0)
    one.after_create(LIMITED, 0.0, RNG, None)
    assert again == one.after_create(LIMITED, now, RNG, retry_after)


def test_patience_of_none_is_for_ever():
    """As `generate_many` has it."""
    one = attempts(patience=None)
    assert [0.0] * 3 == refusals(one, 0.0, 1e6, 1e12, retry_after=86400.0)
    assert math.inf == one.patience_ends()


def test_no_patience_ends_with_the_first_refusal():
    """Zero seconds are none."""
    assert [None] == refusals(attempts(patience=0.0), 5.0)


def test_refusals_use_up_no_attempts():
    """A request may be refused a hundred times and then fail four times."""
    one = attempts(patience=None, not_sent_attempts=4)
    refusals(one, *range(100))
    assert 3 == len(pauses(one, NOT_SENT))


# --- 503 ------------------------------------------------------------------------


def test_what_the_provider_refused_is_not_sent_again():
    """By default: it would be a new purchase."""
    assert [] == pauses(attempts(), UPSTREAM)


@pytest.mark.parametrize("allowed", [2, 3, 7])
def test_the_caller_may_allow_more_purchases(allowed: int):
    """So many in all, 2 to 10 seconds apart."""
    found = pauses(attempts(upstream_attempts=allowed), UPSTREAM)
    assert allowed - 1 == len(found)
    assert all(2.0 <= pause <= 10.0 for pause in found)


def test_purchases_are_spread_over_2_to_10_seconds():
    """A provider that is down is not met by all in the same instant."""
    found = pauses(attempts(upstream_attempts=500), UPSTREAM, most=499)
    assert 2.0 <= min(found) < 2.5
    assert 9.5 < max(found) <= 10.0


def test_failing_to_send_uses_up_no_purchases():
    """Each kind of failure has its own count."""
    one = attempts(not_sent_attempts=9, upstream_attempts=2)
    assert 8 == len(pauses(one, NOT_SENT))
    assert 1 == len(pauses(one, UPSTREAM))


@pytest.mark.parametrize("others", [0, 1], ids=["nothing passed", "another passed"])
def test_refused_twice_while_others_pass_is_its_own_fault(others: int):
    """While nothing passes it may be the provider's, whatever passed before."""
    one = attempts(upstream_attempts=9)
    one.refused_upstream(7)
    assert one.after_create(UPSTREAM, 0.0, RNG, None) is not None
    one.refused_upstream(7 + others)
    again = one.after_create(UPSTREAM, 9.0, RNG, None)
    assert bool(others) == (again is None)


# --- looks ----------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [1, 4])
def test_a_look_has_so_many_attempts_in_all(allowed: int):
    """With the same growing pauses."""
    one = attempts(get_attempts=allowed)
    found = [one.after_look(TRANSIENT, 0.0, RNG, None) for _ in range(allowed)]
    assert None is found.pop()
    assert all(pause and 0.125 <= pause <= 8.0 for pause in found)


@pytest.mark.parametrize(
    ("now", "retry_after", "again"),
    [(9.0, None, 0.0), (10.0, None, None), (5.0, 4.0, 0.0), (5.0, 6.0, None)],
)
def test_a_throttled_look_has_the_same_patience(
    now: float, retry_after: float | None, again: float | None
):
    """Counted from its first refusal."""
    one = attempts(patience=10.0)
    assert 0.0 == one.after_look(THROTTLED, 0.0, RNG, None)
    assert again == one.after_look(THROTTLED, now, RNG, retry_after)


@pytest.mark.parametrize("kind", [LookKind.OK, LookKind.FATAL])
def test_a_look_that_is_over_is_over(kind: LookKind):
    """There is nothing to wait for."""
    assert None is attempts().after_look(Look(kind), 0.0, RNG, None)


# --- the policy -----------------------------------------------------------------


def test_no_retry_tries_everything_once():
    """Not even a refusal by the rate limit is waited for."""
    once = [
        Attempts(NO_RETRY, NO_RETRY.patience).after_create(verdict, 0.0, RNG, None)
        for verdict in (NOT_SENT, LIMITED, UPSTREAM, UNKNOWN, INVALID)
    ]
    looks = [
        Attempts(NO_RETRY, NO_RETRY.patience).after_look(look, 0.0, RNG, None)
        for look in (TRANSIENT, THROTTLED)
    ]
    assert [None] * 7 == once + looks


def test_the_defaults_are_the_documented_ones():
    """Ten minutes of patience, four attempts, and never a second purchase."""
    defaults = {field.name: field.default for field in fields(RetryPolicy)}
    assert {
        "patience": 600.0,
        "not_sent_attempts": 4,
        "upstream_attempts": 1,
        "get_attempts": 4,
    } == defaults


@pytest.mark.parametrize(
    "values",
    [
        {"patience": None},
        {"patience": 0},
        {"patience": 1e9},
        {"patience": math.inf},
        {"not_sent_attempts": 1},
        {"upstream_attempts": 100},
        {"get_attempts": 10**9},
    ],
    ids=str,
)
def test_sensible_values_are_accepted(values: dict[str, Any]):
    """From nothing to for ever."""
    policy = RetryPolicy(**values)
    assert values == {name: getattr(policy, name) for name in values}


@pytest.mark.parametrize(
    "name", ["not_sent_attempts", "upstream_attempts", "get_attempts"]
)
@pytest.mark.parametrize("value", [0, -1, 1.0, True, False, None, "4"], ids=repr)
def test_attempts_are_whole_numbers_from_1(name: str, value: Any):
    """The error names the field, its value and the rule."""
    with pytest.raises(errors.ConfigurationError) as caught:
        RetryPolicy(**{name: value})
    assert f"RetryPolicy.{name}={value!r}: use a whole number from 1." == str(
        caught.value
    )


@pytest.mark.parametrize("value", [-1, -0.001, math.nan, -math.inf], ids=repr)
def test_patience_is_not_negative(value: float):
    """The error says what to use."""
    with pytest.raises(
        errors.ConfigurationError,
        match=r"^RetryPolicy\.patience=.*: use a number from 0\.$",
    ):
        RetryPolicy(patience=value)


def test_a_policy_is_frozen_and_has_names_only():
    """`RetryPolicy(30)` says nothing to its reader."""
    with pytest.raises(TypeError):
        RetryPolicy(30)  # type: ignore[call-arg]
    with pytest.raises(exceptions.FrozenInstanceError):
        NO_RETRY.patience = 1.0  # type: ignore[misc]
