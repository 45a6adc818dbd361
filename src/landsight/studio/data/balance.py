"""Balanced sampling: every class is drawn equally often, whatever it has, and every picture of a class equally often within it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.errors import RecipeError
from landsight.studio.random import generator

#: Blocks whose orders of classes come from one address: a generator costs more than shuffling a few numbers.
_BLOCKS = 256


class Balance:
    """The draws of a run are one row of blocks; a block has each class once, in random order.

    The n-th draw of a class takes the picture at place n modulo its size of a shuffled order, shuffled anew for each round. So the counts of
    any two classes differ by at most one at every moment, and so do the counts of two pictures of one class. All of it is addressed: nothing
    is remembered between epochs.
    """

    def __init__(self, classes: Sequence[int]) -> None:
        """``classes``: of every training picture, 0 to k - 1, each at least once."""
        numbers = np.asarray(classes, np.int64)
        self.members = [np.flatnonzero(numbers == c) for c in range(int(numbers.max()) + 1)]

    @classmethod
    def of(cls, truths: Sequence[Any], labels: int) -> Balance:
        """Raises: RecipeError when a picture has several labels, or none: then no class can be drawn on its own."""
        odd = next((t for t in truths if not isinstance(t, int | np.integer) or isinstance(t, bool)), None)
        if odd is not None:
            raise RecipeError(
                "bad_value",
                f"train.balanced needs one label a picture: received {odd!r}.",
                "Leave it out, or weigh the labels in the loss.",
            )
        if len(set(truths)) != labels:
            raise RecipeError("bad_value", "train.balanced: a class has no training picture.", "Exclude that class.")
        return cls(truths)

    def drawn(self, seed: int, start: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draws ``start`` to ``start + count`` of the run: picture of each, and how often that picture was drawn before.

        The second number addresses the view, so that a picture that comes again looks different. Shape: two of (count,) int64.
        """
        blocks, places = np.divmod(np.arange(start, start + count), len(self.members))
        classes = self._order(seed, int(blocks[0]), int(blocks[-1]) + 1)[blocks - blocks[0], places]
        pictures, before = np.empty(count, np.int64), np.empty(count, np.int64)
        for number, members in enumerate(self.members):
            here = np.flatnonzero(classes == number)
            rounds, within = np.divmod(blocks[here], len(members))
            before[here] = rounds
            for turn in np.unique(rounds):
                order = members[generator(seed, f"balanced class {number}", int(turn)).permutation(len(members))]
                now = rounds == turn
                pictures[here[now]] = order[within[now]]
        return pictures, before

    def _order(self, seed: int, first: int, end: int) -> NDArray[np.int64]:
        """(end - first, k): the classes of each block, in the order in which they come."""
        row = np.arange(len(self.members))
        chunks = range(first // _BLOCKS, (end - 1) // _BLOCKS + 1)
        every = [generator(seed, "balanced blocks", chunk).permuted(np.tile(row, (_BLOCKS, 1)), axis=1) for chunk in chunks]
        offset = first - chunks[0] * _BLOCKS
        made: NDArray[np.int64] = np.concatenate(every)[offset : offset + end - first]
        return made
