"""The log: one JSON object a line, UTC, and never a key in it."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

HIDDEN = "[hidden]"

_SECRET_NAMES = re.compile(r"authorization|api[-_]?key$|token|secret|password|cookie", re.IGNORECASE)
_KEY = re.compile(r"\b(flt_[A-Za-z0-9]+)_[\w-]+")  # what tells keys apart stays, what opens doors goes


def setup(level: str = "info", *, json: bool = True) -> None:
    """Send everything that is logged, ours and the libraries', to stderr; `json=False` is for a person's terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def hide_secrets(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Blank values named like a secret, and whatever has the form of one of our keys, at any depth."""
    return {name: HIDDEN if _SECRET_NAMES.search(name) else _masked(value) for name, value in event.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _KEY.sub(rf"\1_{HIDDEN}", value)
    if isinstance(value, dict):
        return hide_secrets(None, "", value)
    if isinstance(value, (list, tuple)):
        return [_masked(v) for v in value]
    return value
