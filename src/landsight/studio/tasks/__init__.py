"""Tasks: what is learnt from a picture. Listed by name; a task is one file here and its decoder in ``landsight.answer``."""

#: Name of a task -> its class.
TASKS: dict[str, str] = {
    "classify": "landsight.studio.tasks.classify:Classify",
    "tag": "landsight.studio.tasks.tag:Tag",
}
