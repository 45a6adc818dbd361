"""Networks that are too deep are refused before memory is taken for their weights."""

from __future__ import annotations

import pytest
import torch
from tests.studio.conftest import tiny_recipe

from landsight.errors import RecipeError
from landsight.studio.nets.table import build
from landsight.studio.train.memory import peak_bytes


@pytest.mark.parametrize(("depth", "code"), [(6, "impossible_size"), (9, "impossible_size"), (12, "bad_value"), (200, "bad_value")])
def test_a_cnn_that_is_too_deep_is_refused_at_once(tmp_path_factory: pytest.TempPathFactory, depth: int, code: str) -> None:
    recipe = tiny_recipe(tmp_path_factory.mktemp("none"), f"net.depth={depth}")
    before = peak_bytes(torch.device("cpu"))
    with pytest.raises(RecipeError) as caught:
        build(recipe.net, 3, recipe.input)
    assert caught.value.code == code
    assert peak_bytes(torch.device("cpu")) - before < 100e6
