"""Small pictures for reports, through the guarded pool: a hostile file costs its own picture and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from landsight.photo.limits import Limits
from landsight.runtime.stream import Pool
from landsight.studio.report.plots import data_uri

#: Longer side. Two hundred of them make a page of about 1.5 MB.
THUMBNAIL_PX = 160


def thumbnails(sources: Sequence[Path | bytes], *, px: int = THUMBNAIL_PX, pool: Pool | None = None) -> list[str]:
    """A JPEG data URI for each file (or the bytes of one), in order; "" for what cannot be read.

    ``pool``: any open one, to save starting workers.
    """
    with ExitStack() as stack:
        workers = pool or stack.enter_context(Pool(None, limits=Limits.from_environment()))
        items = workers.map(sources, frozenset({"thumbnail"}), thumbnail_px=px)
        return [data_uri(item.thumbnail, "image/jpeg") if item.thumbnail else "" for item in items]
