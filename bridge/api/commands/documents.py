"""The command that asks for documents."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bridge.api.commands.base import Command
from bridge.domain import commands as domain


class Get(Command):
    """Ask for documents as a result."""

    description: ClassVar[str] = (
        "The present documents as a result, for those who cannot read retained messages."
    )

    what: Annotated[
        Literal[
            "all",
            "info",
            "availability",
            "state",
            "secc",
            "transaction",
            "allocation",
            "meter",
        ],
        Field(description="Which document."),
    ] = "all"

    def arguments(self) -> domain.Get:
        """Return what the station model understands."""
        return domain.Get(what=self.what)
