"""The live page in a real browser, against the real daemon that plays the recording that comes with heard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import ActionChains, Keys

from heard import demo

from ..support.browser import Browser
from ..support.poll import until
from .page import PICTURES, at_page
from .running import Daemon, daemon

WAIT_S = 30
SOURCE = {"name": "mic", "input": "file", "path": str(demo.recording()), "pace": "realtime", "loop": True}

# How many colours a canvas shows: a picture of sound has many, an empty one has one.
COLOURS = """
const canvas = document.querySelectorAll(".source canvas")[arguments[0]];
const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
return new Set(new Uint32Array(bytes.buffer)).size;
"""

# Whether a spectrogram has warm colours: loud ones are yellow on black, and blue on white.
WARM = """
const canvas = document.querySelector(".source canvas");
const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
for (let at = 0; at < bytes.length; at += 4) if (bytes[at] > bytes[at + 2] + 40) return true;
return false;
"""


@pytest.fixture(scope="module", name="heard")
def _heard() -> Iterator[Daemon]:
    with daemon([SOURCE], limit_s=400) as heard:
        heard.wait_ready()
        yield heard


@pytest.fixture(scope="module", name="page")
def _page(heard: Daemon) -> Iterator[Browser]:
    with at_page(heard) as someone:
        yield someone


def test_what_is_said_appears_while_it_is_being_said(page: Browser, heard: Daemon) -> None:
    """First as it comes, then as it stays: the words that are published, under the source's name."""
    until(lambda: page.text("#partials .text"), WAIT_S, "a partial")
    until(lambda: page.text("#finals .text"), WAIT_S, "a final")
    # Which of the first ones it is depends on when the page was there.
    heard.until(
        lambda: page.text("#finals .text") in [final["text"] for final in heard.finals()], WAIT_S, "the final"
    )
    assert page.text("#finals .name") == "mic"
    page.until_text("#state", "ready")


def test_both_spectrograms_and_meters_move(page: Browser) -> None:
    """Without any configuration; noise reduction at full strength leaves the second one darker."""
    for number in (0, 1):
        until(lambda at=number: int(str(page.run(COLOURS, at))) > 100, WAIT_S, f"picture {number}")  # type: ignore[misc]
    value = "return document.querySelectorAll('[role=meter]')[0].getAttribute('aria-valuenow')"
    assert until(lambda: -60 < float(str(page.run(value))) < 0, WAIT_S, "a level")


def test_the_page_is_for_the_keyboard(page: Browser, heard: Daemon) -> None:
    """Mute, unmute and the mix by Tab, Enter and arrows alone; each takes effect in the daemon at once."""
    page.run("document.activeElement.blur()")
    _tab_to(page, "Mute")
    _press(page, Keys.ENTER)
    until(lambda: heard.source("mic")["state"] == "muted", WAIT_S, "the source to be muted")
    page.until_text(".source .pill", "muted")
    page.until_text(".source .head button:last-child", "Unmute")
    _press(page, Keys.SPACE)
    until(lambda: heard.source("mic")["state"] == "live", WAIT_S, "the source to be live")
    page.until_text(".source .pill", "live")

    before = heard.source("mic")["denoise"]["mix"]
    _tab_to(page, "mix-mic")
    _press(page, *[Keys.ARROW_RIGHT] * 20)
    until(lambda: heard.source("mic")["denoise"]["mix"] == pytest.approx(before + 0.2), WAIT_S, "the mix")
    page.until_text("output", f"{round(100 * before) + 20} %")


def test_light_dark_and_narrow_are_kept_as_pictures(page: Browser) -> None:
    """In each scheme its own ground; nothing is wider than the window; the browser complains of nothing."""
    grounds = set()
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        warm = scheme == "dark"
        until(lambda warm=warm: bool(page.run(WARM)) is warm, WAIT_S, f"{scheme} spectrograms")  # type: ignore[misc]
        page.screenshot(PICTURES / f"{scheme}.png")
        grounds.add(page.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
    page.size(420, 900)
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    until(lambda: page.run(wide) == 0, WAIT_S, "a page that fits")
    page.screenshot(PICTURES / "narrow.png")
    page.size(1440, 1000)
    assert page.complaints() == []


def test_the_journal_is_searched_and_downloaded(page: Browser, heard: Daemon) -> None:
    """By its own words; the file is the browser's."""
    word = heard.finals()[0]["text"].split()[-1].strip(".,?!")
    page.find("#words").send_keys(word, Keys.ENTER)
    until(lambda: word.lower() in page.text("#found li p").lower(), WAIT_S, f"{word!r} to be found")
    assert "found" in page.text("#told")
    page.run("document.querySelector('#download [name=range]').value = 'all'")
    page.find("#download button").click()
    page.until_text("#told", ".srt is downloaded")
    assert page.complaints() == []


def _press(page: Browser, *keys: str) -> None:
    ActionChains(page.driver).send_keys(*keys).perform()


def _tab_to(page: Browser, name: str) -> None:
    """Press Tab until what has the focus is called `name` or has that id; its focus is to be seen."""
    for _ in range(40):
        _press(page, Keys.TAB)
        focus = page.driver.switch_to.active_element
        if name in (focus.text, focus.get_attribute("id")):
            assert focus.value_of_css_property("outline-style") == "solid"
            return
    raise AssertionError(f"Tab never comes to {name}")
