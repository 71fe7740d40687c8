"""The generated files of `schemas/` that come from the topic table."""

import json
from pathlib import Path
from typing import Any

from bridge.mqtt.asyncapi import asyncapi, payload_schemas


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return every generated document by its path below `schemas/`."""
    payloads = {f"payloads/{name}.json": schema for name, schema in payload_schemas().items()}
    return {"asyncapi.json": asyncapi(), **payloads}


def render(document: dict[str, Any]) -> str:
    """Return a document as it is committed."""
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n"


def export(directory: Path) -> list[Path]:
    """Write every document below `directory`; return the paths. Raises OSError."""
    written = []
    for name, document in all_schemas().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(document), encoding="utf-8")
        written.append(path)
    return written
