"""The HTTP API as a page of the bridge: whole, offline, and under the same policy as the other."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.async_api import Page, Request, expect

from tests.acceptance.bridges import Bridge, Options
from tests.brokers import LOOPBACK
from tests.browser import PATIENCE_MS, browsing, picture

pytestmark = pytest.mark.chromium

LIMIT: Final = "#command_limit"

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def options() -> Options:
    return {"http": {"listen": f"{LOOPBACK}:0"}}


@pytest.fixture
def address(bridge: Bridge) -> str:
    assert bridge.app.http is not None
    return f"http://{LOOPBACK}:{bridge.app.http.port}"


@pytest.fixture
async def api(address: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=address) as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).json()
        return document


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:
    """The way from the status page; nothing may fail, and nothing may come from elsewhere."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    async with browsing(f"{address}/") as (opened, complaints):
        opened.on("request", note)
        await opened.get_by_role("link", name="API").click()
        await expect(opened.locator("#schemas details")).not_to_have_count(0)
        yield opened
        assert complaints == []
    assert [url for url in asked if not url.startswith(f"{address}/")] == []


async def test_every_operation_and_schema_is_there(
    page: Page, api: dict[str, Any], tmp_path: Path
) -> None:
    titles = await page.locator("#operations summary > code:first-child").all_inner_texts()
    assert sorted(titles) == sorted(
        f"{method.upper()} {path}" for path, methods in api["paths"].items() for method in methods
    )
    schemas = await page.locator("#schemas summary > code:first-child").all_inner_texts()
    assert sorted(schemas) == sorted(api["components"]["schemas"])

    await page.locator(f"{LIMIT} summary").click()
    for words in (
        "Needs the scope control.",
        "limitA",
        "number, 0 to 1000",
        '"ttlSeconds":120',
        "202",
    ):
        await expect(page.locator(LIMIT)).to_contain_text(words)
    await picture(page, tmp_path, "http-api.png")


async def test_a_body_leads_to_its_schema(page: Page) -> None:
    await page.locator(f"{LIMIT} summary").click()
    schema = page.locator("#ResultDocument")
    await expect(schema).not_to_have_attribute("open", "")
    await page.locator(LIMIT).get_by_role("link", name="ResultDocument").first.click()
    await expect(schema).to_have_attribute("open", "")
    await expect(schema).to_contain_text("final")
