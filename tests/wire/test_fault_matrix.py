"""Whatever the wire does to a create, the verdict is right about the money."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.wire.cases import Case, broken_connections
from tests.wire.cases_of_answers import odd_answers
from tests.wire.clients import assert_sound, outcome_of, quick_client, wanted
from tests.wire.conftest import Certificates
from tests.wire.fault_server import fault_server
from tests.wire.secrecy import KEY, visible

CASES = [pytest.param(case, id=case.name) for case in broken_connections()]
CASES += [pytest.param(case, id=case.name) for case in odd_answers()]


@pytest.mark.parametrize("transport", ["plain", "TLS"])
@pytest.mark.parametrize("case", CASES)
async def test_a_create_that_breaks(
    case: Case,
    transport: str,
    certificates: Certificates,
    caplog: pytest.LogCaptureFixture,
):
    """The right class, sound about money, one POST, no leak of key or connection."""
    caplog.set_level(logging.DEBUG)
    tls = certificates.good if transport == "TLS" else None
    async with fault_server(case.script, tls=tls) as server:
        async with quick_client(server.origin, certificates.trusting) as client:
            result = await outcome_of(client, wanted(case.size))
        async with asyncio.timeout(2):
            await server.all_closed()
        left_over = asyncio.all_tasks() - {asyncio.current_task()}
    assert isinstance(result, case.expected), visible(result)
    assert_sound(result, server)
    assert server.posts <= 1
    assert KEY not in visible(result)
    assert KEY not in caplog.text
    assert not left_over
