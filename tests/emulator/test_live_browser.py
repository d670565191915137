"""The live page as people see it, in a real browser without a window."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from aivideo_async.emulator import Emulator, Request, Rule, Scenario, acts
from aivideo_async.emulator.live import NEWEST, curl
from aivideo_async.models.strictjson import encode
from tests.emulator.calls import CREATE, KEY, order

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium"
    ),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),  # a browser starts slowly on a busy machine
]

AT_ONCE = Scenario(spread=0, median=0)

HOSTILE = (
    "</script><script>window.fired = 1</script>",
    "<img src=x onerror='window.fired = 1'>",
    "javascript:window.fired = 1",
    '" onmouseover="window.fired = 1" x="',
    "<svg/onload=window.fired=1>",
    "${window.fired = 1}",
    "&lt;script&gt;window.fired = 1&lt;/script&gt;",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser for all tests: the system's own, never a downloaded one."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A tab whose clock the test moves; nothing in it may fail or be forbidden."""
    context = await browser.new_context()
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    await page.clock.install()
    yield page
    await context.close()
    assert [] == [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text]


def buy(emulator: Emulator, prompt: str = "a red mug", path: str = CREATE) -> None:
    """Order a picture, without a socket."""
    emulator.handle(Request("POST", path, KEY, encode(order(prompt))))


async def look(page: Page) -> None:
    """Let the page look again."""
    async with page.expect_response("**/_emulator/state*"):
        await page.clock.run_for(1000)


async def copied(page: Page) -> Any:
    """Return what lies in the clipboard."""
    return await page.evaluate("navigator.clipboard.readText()")


async def test_an_unused_emulator_says_how_to_use_it(page: Page):
    """The lines to copy stand open, and the buttons copy them."""
    async with Emulator() as emulator:
        await page.goto(emulator.url)
        await expect(page.get_by_text("No task yet.")).to_be_visible()
        texts = await page.locator("pre").all_inner_texts()
        for number, text in enumerate(texts):
            button = page.locator("#howto button").nth(number)
            await button.click()
            await expect(button).to_have_text("Copied")
            assert text == await copied(page)
        assert f"export AIVIDEOAPI_BASE_URL={emulator.url}" in texts[0]
        assert texts[1].startswith("curl ")


async def test_what_happens_appears_by_itself(page: Page):
    """Tasks, counts, requests and the balance; the instructions fold up."""
    async with Emulator(AT_ONCE) as emulator:
        await page.goto(emulator.url)
        await expect(page.locator("#state")).to_have_text("Live")
        buy(emulator)
        await look(page)
        row = page.locator("#tasks tr")
        await expect(row).to_contain_text("a red mug")
        await expect(row).to_contain_text("completed")
        await expect(page.locator("#log tr")).to_contain_text(f"POST {CREATE}")
        await expect(page.locator("#balance")).to_have_text("9,997.6")
        await expect(page.locator("#verdict")).to_have_text("Clean")
        await expect(page.locator("#howto pre").first).to_be_hidden()
        assert 1 == len(emulator.requests)


async def test_a_finished_task_shows_its_picture(page: Page):
    """Small, and once it is there; meanwhile a place is kept for it."""
    async with Emulator(Scenario(median=1e6)) as emulator:
        buy(emulator)
        await page.goto(emulator.url)
        await expect(page.locator("#tasks .running .frame")).to_be_visible()
        await expect(page.locator("#tasks img")).to_have_count(0)
    async with Emulator(AT_ONCE) as emulator:
        buy(emulator)
        await page.goto(emulator.url)
        image = page.locator("#tasks img")
        await expect(image).to_have_js_property("naturalWidth", 160)


async def test_a_double_charge_cannot_be_overlooked(page: Page):
    """It is said in words, at once, in an alert and in the title; before, nothing is."""
    async with Emulator(AT_ONCE) as emulator:
        buy(emulator)
        await page.goto(emulator.url)
        await expect(page.locator("#verdict")).to_have_text("Clean")
        await expect(page.get_by_role("alert")).to_have_count(0)
        buy(emulator)
        await look(page)
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("Charged twice.")
        await expect(alert).to_contain_text("a client has sent a paid request again")
        await expect(alert).to_be_in_viewport()
        await expect(page).to_have_title("Charged twice! Emulator")
        await expect(page.locator("#verdict")).to_have_text("Charged twice")
        marked = page.locator("#tasks tr", has_text="Its body had been charged before")
        await expect(marked).to_have_count(1)


async def test_the_alarm_is_not_raised_again_at_each_look(page: Page):
    """A reader would be interrupted each second; only news are news."""
    async with Emulator(AT_ONCE) as emulator:
        buy(emulator)
        buy(emulator)
        await page.goto(emulator.url)
        heading = await page.get_by_role("alert").locator("h2").element_handle()
        await look(page)
        await look(page)
        assert heading is not None
        assert await heading.evaluate("node => node.isConnected")


async def test_any_other_trouble_of_the_ledger_is_told(page: Page):
    """In the ledger's own words."""
    async with Emulator(AT_ONCE) as emulator:
        buy(emulator)
        emulator.ledger.refund(emulator.ledger.charges[0].task_id, at=0.0)
        await page.goto(emulator.url)
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("The ledger does not add up.")
        await expect(alert).to_contain_text("was refunded and had not failed")


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_does_anything(page: Page, text: str):
    """In prompts, paths, names and the alarm it is shown as it is."""
    async with Emulator(Scenario(name=text, spread=0, median=0)) as emulator:
        buy(emulator, text)
        buy(emulator, text)
        buy(emulator, text, path=f"/v1/{text}")
        await page.goto(emulator.url)
        await expect(page.locator("#tasks .prompt").first).to_have_text(text)
        await expect(page.get_by_role("alert")).to_contain_text(text)
        await expect(page.locator("#log .path").first).to_have_text(f"POST /v1/{text}")
        await expect(page.locator("#manner")).to_contain_text(text)
        assert await page.evaluate("window.fired === undefined")
        assert 1 == await page.locator("script").count()


async def test_a_request_is_copied_as_curl(page: Page):
    """With its body, and with the emulator's public key."""
    async with Emulator() as emulator:
        buy(emulator, "it's a mug")
        await page.goto(emulator.url)
        await page.get_by_role("button", name="curl").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        body = encode(order("it's a mug"))
        assert curl(emulator.url, "POST", CREATE, body) == await copied(page)


async def test_an_answer_that_was_lost_is_told(page: Page):
    """Not only by its colour."""
    async with Emulator(Scenario(rules=(Rule("create", acts.LOST_REPLY),))) as emulator:
        buy(emulator)
        await page.goto(emulator.url)
        await expect(page.locator("#log .answer")).to_have_text("dropped, work done")


async def hide(page: Page, *, hidden: bool) -> None:
    """Tell the page that its tab is hidden, or is seen again."""
    await page.evaluate(
        "hidden => {"
        " Object.defineProperty(document, 'hidden', {value: hidden, writable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


async def test_a_hidden_tab_does_not_ask(page: Page):
    """Not within a minute; once it is seen again it looks at once."""
    asked: list[str] = []
    async with Emulator(AT_ONCE) as emulator:
        await page.goto(emulator.url)
        await expect(page.locator("#state")).to_have_text("Live")
        await hide(page, hidden=True)
        page.on("request", lambda request: asked.append(request.url))
        await page.clock.run_for(60_000)
        assert [] == asked
        buy(emulator)
        await hide(page, hidden=False)
        await expect(page.locator("#tasks tr")).to_have_count(1)


async def test_a_tab_that_was_opened_hidden_asks_once(page: Page):
    """To have something to show; then it waits until it is seen."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.add_init_script("Object.defineProperty(document, 'hidden', {value: 1})")
    async with Emulator(AT_ONCE) as emulator:
        await page.goto(emulator.url)
        await expect(page.locator("#state")).to_have_text("Live")
        await page.clock.run_for(60_000)
        assert 1 == len([url for url in asked if "state" in url])


async def test_another_emulator_at_the_same_address_starts_the_page_over(page: Page):
    """While there is none the page says so and keeps what it knows."""
    async with Emulator(AT_ONCE) as emulator:
        port = int(emulator.url.rpartition(":")[2])
        buy(emulator, "the first")
        await page.goto(emulator.url)
        await expect(page.locator("#tasks tr")).to_contain_text("the first")
    await page.clock.run_for(1000)
    await expect(page.locator("#state")).to_contain_text("has stopped")
    await expect(page.locator("#tasks tr")).to_contain_text("the first")
    async with Emulator(AT_ONCE, port=port) as emulator:
        buy(emulator, "the second")
        buy(emulator, "the third")
        await page.clock.run_for(1000)
        await expect(page.locator("#tasks tr")).to_have_count(2)
        await expect(page.locator("#tasks tr").first).to_contain_text("the third")
        await expect(page.locator("#log tr")).to_have_count(2)
        await expect(page.locator("#state")).to_have_text("Live")


async def test_many_tasks_are_not_many_rows(page: Page):
    """The newest stand there, and the words say how many there are."""
    async with Emulator(AT_ONCE, balance=10**6) as emulator:
        for number in range(10_000):
            buy(emulator, f"mug {number}")
        await page.goto(emulator.url)
        await expect(page.locator("#tasks tr")).to_have_count(NEWEST)
        await expect(page.locator("#log tr")).to_have_count(NEWEST)
        await expect(page.locator("#tasks-shown")).to_have_text(
            "the newest 200 of 10,000"
        )
        buy(emulator, "one more")
        await look(page)
        await expect(page.locator("#tasks tr").first).to_contain_text("one more")
        await expect(page.locator("#tasks tr")).to_have_count(NEWEST)
        await expect(page.locator("#log tr")).to_have_count(NEWEST)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
async def test_it_fits_narrow_and_wide_screens(
    page: Page, width: int, scheme: Any, tmp_path: Path
):
    """Nothing is cut off at the side, and texts stand out from what is behind them."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme)
    async with Emulator(AT_ONCE) as emulator:
        for path in (CREATE, CREATE, "/v1/" + "x" * 120):
            buy(emulator, "without a space " + "x" * 120, path)
        await page.goto(emulator.url)
        await expect(page.get_by_role("alert")).to_be_visible()
        assert 0 == await page.evaluate(OVERFLOW)
        assert 4.5 <= await page.evaluate(LEAST_CONTRAST)


OVERFLOW = """Math.max(
  ...[document.documentElement, ...document.querySelectorAll(".scroll")].map(
    node => node.scrollWidth - node.clientWidth))"""

# By WCAG, over the texts of the page and the first background behind each.
LEAST_CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const light = colour => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(byte => {
      const part = byte / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = node => {
    const colour = getComputedStyle(node).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && node.parentElement ? behind(node.parentElement) : colour;
  };
  const contrasts = [...document.body.querySelectorAll("*")]
    .filter(node => node.checkVisibility() && [...node.childNodes].some(
      child => child.nodeType === Node.TEXT_NODE && child.textContent.trim()))
    .map(node => {
      const [low, high] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    });
  return Math.min(...contrasts);
}"""


async def test_everything_is_reached_by_the_keyboard(page: Page):
    """In the order of the page, and where one stands is seen."""
    async with Emulator(AT_ONCE) as emulator:
        buy(emulator)
        await page.goto(emulator.url)
        await expect(page.locator("#log tr")).to_have_count(1)
        reached = []
        for _ in range(4):
            await page.keyboard.press("Tab")
            name, outline = await page.evaluate(
                "(at => [at.innerText.split('\\n')[0] || at.className,"
                " getComputedStyle(at).outlineStyle])(document.activeElement)"
            )
            reached.append(name)
            assert "solid" == outline
        assert "How to use it" == reached[0]
        assert "curl" == reached[-1]


async def test_nothing_moves_for_those_who_ask_for_that(page: Page):
    """A running task breathes, unless motion is to be reduced."""
    motion = "getComputedStyle(document.querySelector('.running .frame')).animationName"
    async with Emulator(Scenario(median=1e6)) as emulator:
        buy(emulator)
        await page.goto(emulator.url)
        await expect(page.locator("#tasks .running")).to_have_count(1)
        assert "breathe" == await page.evaluate(motion)
        await page.emulate_media(reduced_motion="reduce")
        assert "none" == await page.evaluate(motion)


async def test_only_the_alarm_interrupts_a_reader(page: Page):
    """There is one live region, and the tables and regions have names."""
    async with Emulator(AT_ONCE) as emulator:
        buy(emulator)
        await page.goto(emulator.url)
        await expect(page.locator("#log tr")).to_have_count(1)
        live = page.locator("[aria-live], [role=alert], [role=status], output")
        assert 1 == await live.count()
        for name in ("Tasks", "Requests"):
            await expect(page.get_by_role("table", name=name)).to_be_visible()
            await expect(page.get_by_role("region", name=name)).to_be_visible()
