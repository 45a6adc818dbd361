"""Same machine, same recipe, same weights, to the bit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from landsight.errors import RecipeError


@contextmanager
def reproducible(wanted: bool) -> Iterator[None]:
    """Have torch choose only operations that give the same bits each time; what was set before is set again at the end.

    On a processor all of ours do anyway. On a GPU some have no such form. Raises: RecipeError when the network needs one of those.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS would choose another split each time
        torch.use_deterministic_algorithms(True)
        # Filling memory that is overwritten anyway only finds faults in torch itself, and costs time.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    except RuntimeError as error:
        if "does not have a deterministic implementation" not in str(error):
            raise
        what = str(error).split(" does not have", maxsplit=1)[0]
        raise RecipeError("bad_value", f"train.deterministic: {what} cannot be made to repeat itself on this device.", "Set train.deterministic=false.") from error  # fmt: skip
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
