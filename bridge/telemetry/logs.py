"""How a log record becomes a line: for people, or one JSON object per line."""

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bridge.telemetry.redaction import one_line, quoted_traceback, redacted

LogFormat = Literal["human", "json"]

_QUIET: Final = {
    "asyncio": logging.WARNING,
    "websockets": logging.WARNING,
    "uvicorn": logging.ERROR,  # it warns of each request that it cannot read
}
"""Libraries whose information is our debugging, and from which severity on they are heard."""


def configure_logging(level: str, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Send all records of at least `level` ("debug" to "error") to `stream` (standard error).

    Replaces what was configured before. Human lines are coloured on a terminal.
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(log_format, coloured=target.isatty()))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, level_heard in _QUIET.items():
        logging.getLogger(name).setLevel(max(root.level, level_heard))


def _formatter(log_format: LogFormat, *, coloured: bool) -> logging.Formatter:
    shared: Sequence[Processor] = (
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.format_exc_info,
        _redact,
    )
    last = _json_processors() if log_format == "json" else _human_processors(coloured=coloured)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        # The traceback is a field of ours by then.
        keep_exc_info=False,
    )


def _json_processors() -> Sequence[Processor]:
    # ASCII only: JSON's own escapes then cover every control character there is.
    renderer = structlog.processors.JSONRenderer(
        serializer=_to_json, ensure_ascii=True, default=str
    )
    return (structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"), renderer)


def _to_json(record: Any, **options: Any) -> str:
    return json.dumps(record, **options).replace("\x7f", "\\u007f")


def _human_processors(*, coloured: bool) -> Sequence[Processor]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=coloured, pad_event_to=40, exception_formatter=structlog.dev.plain_traceback
    )
    clock = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
    return (clock, _keep_on_one_line, renderer)


def _redact(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    """Mask secrets; what structlog itself put in begins with an underscore."""
    return {
        key: value if key.startswith("_") else redacted(key, value)
        for key, value in record.items()
    }


def _keep_on_one_line(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    return {
        key: quoted_traceback(value) if key == "exception" else one_line(value)
        for key, value in record.items()
    }
