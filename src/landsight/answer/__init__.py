"""Arrays -> answers, NumPy only, one file a task.

A task's module has ``WANTS`` (the outputs it needs) and ``decode(outputs, manifest, arrays)`` (one answer a picture).
"""

from __future__ import annotations

#: The table of tasks: name in the bundle -> module, imported on use.
TASKS: dict[str, str] = {"classify": "landsight.answer.classify"}
