"""Readers: a folder on disk -> Samples. One file a format; a reader has ``read(root, split, labels=None)`` and ``splits(root)``."""

#: Name of a reader -> the module that has it.
READERS: dict[str, str] = {"folder": "landsight.studio.data.readers.folder:FolderReader"}
