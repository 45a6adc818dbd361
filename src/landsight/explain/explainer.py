"""What every way of explaining has in common, here and in the studio: a prepared picture in, a map for each thing asked about out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Explainer(Protocol):
    """One way of explaining, ready to be asked about any picture. What it explains, the task says: ``focus`` and its numbers ``what``."""

    @property
    def method(self) -> str:
        """Its name on the command line, such as "occlusion"."""
        ...

    @property
    def about(self) -> str:
        """One line for people: what a bright spot of a map means, and where it was looked at."""
        ...

    def maps(self, prepared_hwc_u8: NDArray[np.uint8], whats: Sequence[int]) -> NDArray[np.float32]:
        """Shape: (height, width, c) uint8 from photo.prepare -> (len(whats), h, w), each map spread evenly over the prepared picture.

        Above 0: speaks for it; below 0: speaks against it. Units are the method's own: ``heat.positive`` brings a map to 0..1.
        """
        ...

    def remark(self, signed: NDArray[np.float32]) -> str:
        """One map in words, as far as there are any: "" for most methods."""
        ...
