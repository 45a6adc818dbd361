"""Accumulation by arithmetic, what a step that fails says, and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import train_child
from landsight.errors import RecipeError
from landsight.studio.data.loader import Plan
from landsight.studio.recipe import to_toml
from landsight.studio.tasks.classify import Classify
from landsight.studio.train import reproducible as reproducibly
from landsight.studio.train.checkpoint import load_checkpoint
from landsight.studio.train.keeper import NotSaved
from landsight.studio.train.loop import DivergedError, Event, Trainer
from landsight.studio.train.memory import OutOfMemory, out_of_memory
from landsight.studio.train.reproducible import reproducible
from landsight.studio.train.run import resume, train

from ..conftest import tiny_recipe


def _silent(line: str) -> None:
    assert line


def test_a_step_is_cut_into_parts_whoever_feeds_them() -> None:
    one = Plan(samples=31, batch=4, stages=((32, 2),), seed=1, accumulate=3)
    assert (one.pictures, one.parts, one.per_epoch, one.steps) == (12, 3, 2, 4)
    assert [a for n in range(3) for a in one.part(3, n)] == one.addresses(3)
    two = replace(one, processes=2)
    # 3 parts for 2 processes: 2 each, so 4 parts of 3 pictures, of the same step.
    assert two.parts == 2
    assert [len(two.part(0, n)) for n in range(4)] == [3, 3, 3, 3]
    assert [a for n in range(4) for a in two.part(0, n)] == one.addresses(0)
    small = Plan(samples=7, batch=8, stages=((32, 1),), seed=1, processes=2)
    assert [len(small.part(0, n)) for n in range(2)] == [3, 4]


@pytest.mark.parametrize(("batch", "accumulate"), [(4, 2), (2, 4), (3, 3)])
def test_parts_add_up_to_the_step_of_one_large_batch(folder: Path, tmp_path: Path, batch: int, accumulate: int) -> None:
    """Without batch norm and dropout nothing else differs; 3 parts of 3 are 2 steps of 9 pictures of 24."""
    net = ("net.name=mlp", "net.norm=false", "optimise.name=sgd", "optimise.rate=0.05", "optimise.clip_norm=1.0")
    large = tiny_recipe(folder, *net, f"train.batch={batch * accumulate}")
    small = tiny_recipe(folder, *net, f"train.batch={batch}", f"optimise.accumulate={accumulate}")
    for name, recipe in (("large", large), ("small", small)):
        assert train(recipe, tmp_path / name, say=_silent).finished
    one, two = (load_checkpoint(tmp_path / name / "last") for name in ("large", "small"))
    assert one.state["step"] == two.state["step"]
    for name, tensor in one.part("net.").items():
        torch.testing.assert_close(two.part("net.")[name], tensor, rtol=1e-4, atol=1e-6)
    assert one.state["rows"][-1]["loss"] == pytest.approx(two.state["rows"][-1]["loss"], rel=1e-4)


def test_more_parts_than_pictures_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="24 pictures for 99 parts"):
        train(tiny_recipe(folder, "optimise.accumulate=99"), tmp_path / "run", say=_silent)


def test_a_loss_that_is_no_number_names_term_and_pictures_and_keeps_the_weights(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, trainers = Classify.losses, []
    calls = 0

    def broken(self: Classify, outputs: object, targets: object) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        terms = losses(self, outputs, targets)  # type: ignore[arg-type]
        return {name: term * float("nan") for name, term in terms.items()} if calls == 5 else terms

    monkeypatch.setattr(Classify, "losses", broken)
    recipe = tiny_recipe(folder, "train.batch=6")
    with pytest.raises(DivergedError, match=r"cross_entropy is nan at step 4, on \S+\.png, .* and 1 more\. The last good") as caught:
        train(recipe, tmp_path / "run", say=_silent, listeners=(lambda _, t: trainers.append(t),))
    trainer: Trainer = trainers[-1]
    named = [trainer.names[i] for *_, i in trainer.plan.addresses(4)]
    assert all(name in caught.value.reason for name in named[:5])
    assert named[5] not in caught.value.reason
    kept = load_checkpoint(tmp_path / "run" / "last")
    assert kept.state["step"] == 4  # that of the epoch's end
    assert all(torch.isfinite(t).all() for t in kept.tensors.values())
    assert resume(tmp_path / "run", say=_silent).finished  # the fault was of the moment


def test_weights_that_are_no_numbers_do_not_replace_good_ones(folder: Path, tmp_path: Path) -> None:
    def spoil(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == 5:
            with torch.no_grad():
                trainer.net.head.weight[0, 0] = float("inf")
            trainer.step = 6  # an epoch ends before the next loss would tell

    with pytest.raises(DivergedError, match=r"net\.head\.weight is no longer finite after step 5"):
        train(tiny_recipe(folder, "train.batch=8"), tmp_path / "run", say=_silent, listeners=(spoil,))
    assert load_checkpoint(tmp_path / "run" / "last").state["step"] == 3


def test_a_full_disk_leaves_the_last_checkpoint_to_go_on_from(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder)
    message, out = tmp_path / "message", tmp_path / "run"
    assert train_child.in_child(train_child.fills_the_disk, to_toml(recipe), out, 5, message) == 0
    text = message.read_text()
    assert text.startswith("not_saved: Cannot save step 6 in ")
    assert "The checkpoint before it is whole" in text
    assert f"landsight resume {out}" in text
    assert load_checkpoint(out / "last").state["step"] == 3
    assert list(out.rglob("*.partial-*")) == []
    assert resume(out, say=_silent).finished
    assert train(recipe, tmp_path / "undisturbed", say=_silent).finished
    one, two = load_checkpoint(out / "last"), load_checkpoint(tmp_path / "undisturbed" / "last")
    assert all(torch.equal(t, two.tensors[n]) for n, t in one.tensors.items())


def test_a_disk_that_is_full_before_the_first_step(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("landsight.studio.train.keeper.save_checkpoint", full)
    with pytest.raises(NotSaved, match="No space left on device"):
        train(tiny_recipe(folder), tmp_path / "run", say=_silent)


def test_too_little_memory_suggests_a_batch(folder: Path, tmp_path: Path) -> None:
    """24 views of 640 px are 118 MB as numbers, and the first layer makes five times that; there are 80 MB."""
    recipe = tiny_recipe(folder, "schedule.stages=[[640, 1]]", "train.batch=24", "net.pool=average", "net.name=cnn")
    message = tmp_path / "message"
    assert train_child.in_child(train_child.lacks_memory, to_toml(recipe), tmp_path / "run", 80_000_000, message) == 0
    assert message.read_text() == (
        "out_of_memory: Out of memory: received train.batch = 24 at 640 px. "
        "Try train.batch = 12 with optimise.accumulate = 2 for the same steps, or --batch-size auto."
    )


def test_only_a_lack_of_memory_is_called_so() -> None:
    recipe = tiny_recipe(Path("none"), "train.batch=1")
    for error in (torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("[enforce fail] can't allocate memory: 9")):
        with pytest.raises(OutOfMemory, match="smaller network"), out_of_memory(recipe, 32):
            raise error
    with pytest.raises(RuntimeError, match="shapes"), out_of_memory(recipe, 32):
        raise RuntimeError("shapes do not fit")


def test_deterministic_is_set_for_the_run_alone() -> None:
    assert not torch.are_deterministic_algorithms_enabled()
    with reproducible(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.deterministic
    with reproducible(False):
        assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
    with pytest.raises(RecipeError, match=r"train\.deterministic: scatter_max cannot"), reproducibly.reproducible(True):
        raise RuntimeError("scatter_max does not have a deterministic implementation, but you set ...")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_two_runs_agree_to_the_bit_in_either_precision(folder: Path, tmp_path: Path, precision: str) -> None:
    recipe = tiny_recipe(folder, f"optimise.precision={precision}", "net.dropout=0.2", "train.threads=2")
    for name in ("one", "two"):
        train(recipe, tmp_path / name, say=_silent)
    torch.set_num_threads(1)
    one, two = (load_checkpoint(tmp_path / name / "last") for name in ("one", "two"))
    assert all(torch.equal(t, two.tensors[n]) for n, t in one.tensors.items())
