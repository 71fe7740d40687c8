"""Changing records in tests, of whatever kind they are."""

import dataclasses
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414  # re-exported with its types
else:

    def replace(record: Any, /, **changes: Any) -> Any:
        """Return a record that differs in the named fields."""
        change = structs.replace if isinstance(record, Struct) else dataclasses.replace
        return change(record, **changes)
