"""Whether the bridge lives, and whether it can do its work."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter
from pydantic import Field
from typing_extensions import TypedDict

from bridge.http.responses import JsonResponse

ROUTER: Final = APIRouter(tags=["health"])


class Alive(TypedDict):
    """The process answers."""

    status: Annotated[Literal["ok"], Field(description="Always.")]


@ROUTER.get("/healthz", response_model=Alive)
async def healthz() -> JsonResponse:
    """Say that the process lives; asks for no token."""
    return JsonResponse({"status": "ok"})
