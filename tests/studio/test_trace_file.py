"""What export keeps for the lens, from a run that was trained: nothing folded, and the same answers."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from tests.studio.conftest import tiny_recipe

from landsight.bundle.load import TRACE_NAME, load
from landsight.cli.lens import lens
from landsight.errors import VerificationError
from landsight.explain.inside import open_inside
from landsight.studio import trace_file
from landsight.studio.engine import open_run
from landsight.studio.export import export
from landsight.studio.train.run import train


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train(tiny_recipe(folder, "export.int8=false"), out)
    return out


def test_the_lens_exports_a_run_first_and_shows_its_norms(run: Path, folder: Path, tmp_path: Path) -> None:
    photo = next((folder / "test" / "red").iterdir())
    done = CliRunner().invoke(lens, [str(run), str(photo), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0 and "exporting" in done.output, done.output
    assert '"batch_norm"' in (tmp_path / "page.html").read_text(encoding="utf-8")
    bundle = load(run / "bundle")
    kinds = [node.op_type for node in onnx.load(str(bundle.file(TRACE_NAME))).graph.node]
    folded = [node.op_type for node in onnx.load(str(bundle.model_path("fp32"))).graph.node]
    assert kinds.count("BatchNormalization") == 4 and open_inside(bundle).is_unfolded
    assert folded.count("BatchNormalization") <= 1  # only that of the dense layer may be left


def test_nothing_is_kept_where_nothing_was_folded_or_nobody_wants_it(run: Path, folder: Path, tmp_path: Path) -> None:
    assert TRACE_NAME not in export(run, tmp_path / "without", trace_wanted=False, int8_wanted=False).manifest.files
    plain = tmp_path / "plain"
    train(tiny_recipe(folder, "net.norm=false", "export.int8=false", "schedule.stages=[[32, 1]]"), plain)
    assert TRACE_NAME not in export(plain, tmp_path / "plain-bundle").manifest.files


def test_a_trace_that_answers_otherwise_is_not_kept(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its norms differ by a little: the export ends, and leaves nothing."""
    write = trace_file.write_trace

    def spoilt(net, preparation, path, *, opset):  # type: ignore[no-untyped-def]
        write(net, preparation, path, opset=opset)
        model = onnx.load(str(path))
        weight = next(t for t in model.graph.initializer if len(t.dims) == 4)
        weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * 1.05, weight.name))
        onnx.save(model, str(path))

    monkeypatch.setattr(trace_file, "write_trace", spoilt)
    with pytest.raises(VerificationError, match="nothing folded"):
        export(run, tmp_path / "spoilt", int8_wanted=False)
    assert not (tmp_path / "spoilt").exists() and open_run(run).task.labels
