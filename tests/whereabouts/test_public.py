"""What ``import landsight`` offers, and that it costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import landsight


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(landsight.__all__) == landsight.__all__
    for name in landsight.__all__:
        value = getattr(landsight, name)
        assert name == "__version__" or value.__doc__, name
    assert set(landsight.__all__) <= set(dir(landsight))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = landsight.nothing_like_it  # type: ignore[attr-defined]


def test_importing_loads_neither_numpy_nor_runtime_nor_torch() -> None:
    code = "import sys, landsight; print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'PIL', 'onnxruntime', 'openvino', 'torch'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_predictor_loads_no_torch() -> None:
    code = "import sys; from landsight import Predictor; print('torch' in sys.modules, 'openvino' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False False"
