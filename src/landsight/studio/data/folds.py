"""Pictures in k folds, or in growing subsets; whole groups of near-duplicates together, each label in its share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from landsight.studio.data.samples import Sample, Samples
from landsight.studio.random import generator


def folds(samples: Samples, k: int, seed: int) -> list[Samples]:
    """k parts without a picture in common, together ``samples``; each holds about 1/k of every label, and every group whole.

    Groups are taken in an addressed order, the large ones first, each into the fold that has fewest pictures of its label so far.
    """
    taken: dict[int, int] = {}
    labels: list[Counter[int]] = [Counter() for _ in range(k)]
    totals = [0] * k
    for group in sorted(_groups(samples), key=lambda g: (-len(g), generator(seed, "folds", item=g[0].key).random())):
        label = _label(group)
        fold = min(range(k), key=lambda i: (labels[i][label], totals[i], i))
        labels[fold][label] += len(group)
        totals[fold] += len(group)
        taken |= {s.key: fold for s in group}
    return [samples.where(lambda s, i=i: taken[s.key] == i) for i in range(k)]  # type: ignore[misc]


def growing(samples: Samples, shares: Sequence[float], seed: int) -> list[Samples]:
    """A subset for each of ``shares`` (in (0, 1], rising), each holding the one before: of every label its share, in whole groups, at least one."""
    by_label: dict[int, list[list[Sample]]] = defaultdict(list)
    for group in sorted(_groups(samples), key=lambda g: generator(seed, "growing", item=g[0].key).random()):
        by_label[_label(group)].append(group)
    found = []
    for share in shares:
        keys = {s.key for groups in by_label.values() for group in _first(groups, share) for s in group}
        found.append(samples.where(lambda s, keys=keys: s.key in keys))  # type: ignore[misc]
    return found


def _first(groups: list[list[Sample]], share: float) -> list[list[Sample]]:
    """The first groups, as many as come nearest to the share of their pictures; more for a larger share."""
    goal = share * sum(map(len, groups))
    count, best = 0, 1
    for number, group in enumerate(groups, 1):
        if abs(count + len(group) - goal) <= abs(count - goal):
            best = number
        count += len(group)
    return groups[:best]


def _groups(samples: Samples) -> list[list[Sample]]:
    members: dict[int, list[Sample]] = defaultdict(list)
    for index, sample in enumerate(samples.items):
        members[sample.group if sample.group >= 0 else -1 - index].append(sample)
    return list(members.values())


def _label(group: list[Sample]) -> int:
    return min(group[0].label_indices, default=-1)
