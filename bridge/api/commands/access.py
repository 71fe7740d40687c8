"""Commands about who may connect: letting a station in, changing its password."""

from typing import ClassVar

from bridge.api.commands.base import Command, OnceCommand
from bridge.domain import commands as domain


class Approve(Command):
    """Let in a station that waits for it."""

    description: ClassVar[str] = (
        "Let in a station that waits for approval (`registration` of its info is `Pending`), at "
        "once: where it is connected, it is asked to boot. For EVSE 0. Under `[controllers.NAME]` "
        "it must be among the `commands`."
    )

    def arguments(self) -> domain.ApproveStation:
        """Return what the station model understands."""
        return domain.ApproveStation()


class Password(OnceCommand):
    """Give the station a new password (SetVariables, ChangeConfiguration)."""

    description: ClassVar[str] = (
        "Give the station a new password (OCPP 2.x: BasicAuthPassword; 1.6: AuthorizationKey). "
        "The bridge makes it, 160 random bits, and shows it to nobody but the station. The "
        "present one is good too until the station has logged in with the new one "
        "(`password_changed` of event/security); a refusal leaves it as it was. For EVSE 0. Under "
        "`[controllers.NAME]` it must be among the `commands`."
    )

    def arguments(self) -> domain.ChangePassword:
        """Return what the station model understands."""
        return domain.ChangePassword()
