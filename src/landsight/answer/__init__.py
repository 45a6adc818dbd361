"""Arrays -> answers, NumPy only, one file a task.

What a task's module has is written down in ``answer.road.AnswerModule``: the outputs it needs, their decoding, and what is printed.
"""

from __future__ import annotations

#: The table of tasks: name in the bundle -> module, imported on use.
TASKS: dict[str, str] = {"classify": "landsight.answer.classify", "tag": "landsight.answer.tag"}
