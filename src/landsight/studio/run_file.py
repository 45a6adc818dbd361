"""Small JSON files of a run folder, read back: people copy, edit and cut them short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from landsight.errors import DataError


def read_run_file(path: Path, advice: str) -> dict[str, Any]:
    """The table in a JSON file; empty when there is no such file. Raises: DataError bad_run_file with ``advice`` when it holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise DataError("bad_run_file", f"{path} is not JSON: {error}.", advice) from None
    if not isinstance(found, dict):
        raise DataError("bad_run_file", f"{path} holds no table: received {type(found).__name__}.", advice)
    return found
