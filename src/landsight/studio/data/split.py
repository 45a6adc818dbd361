"""Which training pictures validate. The test part is no argument here: it cannot be touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from landsight.studio.data.samples import Sample, Samples
from landsight.studio.random import generator


def carve_validation(train: Samples, share: float, seed: int) -> tuple[Samples, Samples]:
    """Take ``share`` of every stratum (truth, small or large) for validation, whole near-duplicate groups at a time.

    Returns (train, validation). A group belongs to the stratum of its first picture; a stratum never gives its last group away.
    Addressed: which groups go depends on the seed and on each group's first name alone, so new files do not reshuffle the old.
    """
    members: dict[int, list[Sample]] = defaultdict(list)
    for index, sample in enumerate(train.items):
        members[sample.group if sample.group >= 0 else -1 - index].append(sample)
    strata: dict[Hashable, list[list[Sample]]] = defaultdict(list)
    for group in members.values():
        strata[(group[0].truth, group[0].small)].append(group)
    chosen: set[int] = set()
    for stratum in strata.values():
        chosen.update(_pick(stratum, share, seed))
    return train.where(lambda s: s.key not in chosen), train.where(lambda s: s.key in chosen)


def _pick(stratum: list[list[Sample]], share: float, seed: int) -> list[int]:
    """Keys of the pictures that validate: groups in their addressed order, as long as one brings the count nearer to the goal."""
    goal = round(share * sum(len(g) for g in stratum))
    order = sorted(stratum, key=lambda g: generator(seed, "split", item=g[0].key).random())
    keys: list[int] = []
    for group in order[:-1]:
        if abs(len(keys) + len(group) - goal) < abs(len(keys) - goal):
            keys.extend(s.key for s in group)
    return keys
