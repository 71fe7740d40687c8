"""Debian's Chromium, driven by Playwright, as somebody who looks at the status page.

Mark a test that uses it with `pytest.mark.chromium`.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page, async_playwright

ARTEFACTS: Final = "BRIDGE_TESTS_ARTEFACTS"
"""A folder where tests leave what is worth looking at: pictures."""
PATIENCE_MS: Final = 20_000
PHONE: Final = {"width": 390, "height": 844}


def find_chromium() -> str | None:
    """Return the path of the browser, None where it is not installed."""
    return shutil.which("chromium")


class Complaints(list[str]):
    """What the browser says against a page: errors of its programs, breaches of its policy."""

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda line: self.append(line.text) if line.type == "error" else None)


@asynccontextmanager
async def browsing(url: str, **options: Any) -> AsyncIterator[tuple[Page, Complaints]]:
    """Open a page in a browser of its own while in the context."""
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # root may not have one
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--disable-dev-shm-usage", *sandbox]
        )
        page = await browser.new_page(**options)
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints()
        complaints.watch(page)
        await page.goto(url)
        yield page, complaints
        await browser.close()


async def picture(page: Page, directory: Path, name: str) -> Path:
    """Keep a picture of a whole page: where the artefacts go, else in `directory`."""
    folder = Path(os.environ.get(ARTEFACTS, directory))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    await page.screenshot(path=path, full_page=True)
    return path
