"""Reports as plain data for `--json`: one flat object each, bytes as hex, enums by name."""

from dataclasses import fields
from enum import Enum
from typing import Any

from hil.ground.reports import Report


def plain(report: Report) -> dict[str, Any]:
    """A report with its kind under `report`."""
    values = {field.name: _plain(getattr(report, field.name)) for field in fields(report)}
    return {"report": type(report).__name__, **values}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
