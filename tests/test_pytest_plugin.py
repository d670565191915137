"""A stranger's project: its tests use our fixtures, and know nothing else of us."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

ASYNC_APP = """
from aivideo_async import AsyncClient, GptImage2

async def shoot(product):
    async with AsyncClient() as client:
        task = await client.submit(GptImage2(f"a studio photo of {product}"))
        return task.id
"""

Project = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """Run the tests of a small shop, in a process of its own, warnings as errors."""

    def run(test: str, *options: str, mode: str = "strict") -> pytest.RunResult:
        pytester.makepyfile(app=ASYNC_APP, test_shop=test)
        pytester.makeini(
            "[pytest]\nstrict_markers = true\nfilterwarnings = error\n"
            f"asyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"
        )
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return run


def test_an_app_is_tested_in_five_lines(project: Project):
    """It is not told of the emulator: its own ``AsyncClient()`` finds it."""
    result = project(
        """
        import asyncio, app

        def test_a_shot_is_bought_once(aivideo_emulator):
            task_id = asyncio.run(app.shoot("a mug"))
            assert [task_id] == [c.task_id for c in aivideo_emulator.ledger.charges]
        """
    )
    result.assert_outcomes(passed=1)


def test_the_client_sees_a_task_to_its_end(project: Project):
    """An async test needs no client of its own."""
    result = project(
        """
        import pytest
        from aivideo_async import GptImage2

        @pytest.mark.asyncio
        async def test_a_mug(aivideo_client, aivideo_emulator, tmp_path):
            task = await aivideo_client.generate(GptImage2("a mug"))
            assert await aivideo_client.download(task, tmp_path)
            assert len(aivideo_emulator.ledger.charges) == 1
        """
    )
    result.assert_outcomes(passed=1)


def test_the_mark_chooses_how_the_service_behaves(project: Project):
    """By a scenario's name or by options; without the mark all goes well."""
    result = project(
        """
        import pytest
        from aivideo_async import GptImage2, InsufficientCreditsError, TaskFailedError

        @pytest.mark.aivideo("refused")
        async def test_refused(aivideo_client):
            with pytest.raises(TaskFailedError):
                await aivideo_client.generate(GptImage2("a mug"))

        @pytest.mark.aivideo(balance=1)
        async def test_broke(aivideo_client):
            with pytest.raises(InsufficientCreditsError):
                await aivideo_client.generate(GptImage2("a mug"))

        async def test_steady(aivideo_client):
            await aivideo_client.generate(GptImage2("a mug"))
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_an_app_that_buys_twice_fails_its_test(project: Project):
    """The test itself passes; the ledger, at its end, does not."""
    result = project(
        """
        import asyncio, app

        def test_a_retry(aivideo_emulator):
            asyncio.run(app.shoot("a mug"))
            asyncio.run(app.shoot("a mug"))
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ledger is not clean*", "*charged before*"])


def test_the_environment_is_as_before_afterwards(project: Project):
    """No later test finds an emulator that is gone."""
    result = project(
        """
        import os

        def test_during(aivideo_emulator):
            assert os.environ["AIVIDEOAPI_BASE_URL"] == aivideo_emulator.url

        def test_after():
            assert "AIVIDEOAPI_BASE_URL" not in os.environ
        """
    )
    result.assert_outcomes(passed=2)


def test_plain_unittest_needs_no_plugin(project: Project):
    """The emulator is a context manager of the plain kind, too."""
    result = project(
        """
        import asyncio, os, unittest
        from unittest import mock
        from aivideo_async import Emulator
        import app

        class ShopTest(unittest.TestCase):
            def setUp(self):
                self.emulator = self.enterContext(Emulator())
                self.addCleanup(self.emulator.ledger.assert_clean)
                self.enterContext(mock.patch.dict(os.environ, self.emulator.environment))

            def test_a_shot(self):
                asyncio.run(app.shoot("a mug"))
                self.assertEqual(1, len(self.emulator.ledger.charges))
        """,
        "-p",
        "no:aivideo",
    )
    result.assert_outcomes(passed=1)


def test_anyio_serves_where_pytest_asyncio_is_not_installed(
    pytester: pytest.Pytester,
):
    """The async fixture is then a plain one."""
    pytester.makepyfile(
        test_shop="""
        import pytest
        from aivideo_async import GptImage2

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_a_mug(aivideo_client):
            await aivideo_client.generate(GptImage2("a mug"))
        """,
        without="""
        import sys, pytest

        class Gone:
            def find_spec(self, name, *_):
                if name.partition(".")[0] == "pytest_asyncio":
                    raise ImportError(name)

        sys.meta_path.insert(0, Gone())
        sys.exit(pytest.main(["-p", "no:asyncio", "-W", "error"]))
        """,
    )
    result = pytester.run(sys.executable, "without.py")
    result.assert_outcomes(passed=1)


def test_the_mark_is_explained(project: Project):
    """`pytest --markers` lists it."""
    result = project("", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.aivideo(*"])


def test_a_run_without_the_fixtures_pays_nothing():
    """Importing the plugin loads none of the library's own dependencies."""
    code = (
        "import sys, pytest, aivideo_async.pytest_plugin;"
        "print([m for m in ('aiohttp', 'attrs', 'cattrs') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "[]" == done.stdout.strip()
