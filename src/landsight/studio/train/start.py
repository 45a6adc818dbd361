"""Starting from an earlier run: its weights go wherever they fit, its head too as far as the labels are the same."""

from __future__ import annotations

from pathlib import Path

import torch

from landsight.errors import RecipeError
from landsight.studio.engine import open_run
from landsight.studio.nets.net import StagedNet
from landsight.studio.tasks.task import Task


@torch.no_grad()
def start_from(net: StagedNet, name: str, run: Path, task: Task) -> str:
    """Take the averaged weights of another run's last step into ``net``, which the recipe calls ``name``; returns a line that says what was taken.

    A label that both have keeps its row of the head; other rows stay new. Raises: DataError when ``run`` holds no checkpoint;
    RecipeError when its network is another one.
    """
    earlier = open_run(run, "last")
    own, theirs = net.state_dict(), earlier.net.state_dict()
    fitting = {name: tensor for name, tensor in theirs.items() if name in own and own[name].shape == tensor.shape}
    head = {f"head.{name}" for name in net.head.state_dict()}
    body = {name for name in own if name not in head}
    if missing := sorted(body - fitting.keys()):
        raise RecipeError(
            "bad_value", f"net.start: {run} holds a {earlier.recipe.net.name} and this is a {name}; it has no weights that fit {missing[0]}.",
            "Start from a run of the same network.",
        )  # fmt: skip
    if earlier.task.labels == task.labels and fitting.keys() >= head:
        net.load_state_dict(theirs)
        return f"started from {run}"
    net.load_state_dict({name: fitting[name] for name in body}, strict=False)
    shared = [label for label in task.labels if label in earlier.task.labels]
    if earlier.net.head.in_features == net.head.in_features:
        _take_rows(net, earlier.net, [(task.labels.index(s), earlier.task.labels.index(s)) for s in shared])
    else:
        shared = []
    return f"started from {run}, which has other labels: the head is new, but for {len(shared)} of {len(task.labels)} labels that both have"


def _take_rows(net: StagedNet, other: StagedNet, pairs: list[tuple[int, int]]) -> None:
    for own, theirs in pairs:
        net.head.weight[own] = other.head.weight[theirs]
        net.head.bias[own] = other.head.bias[theirs]
