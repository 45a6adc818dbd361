"""Training in a process of its own, which may be killed: by itself at a chosen moment (SIGKILL, so nothing is cleaned up), or by its parent.

A fork server has torch loaded already, so that a child begins in a moment.
"""

from __future__ import annotations

import multiprocessing
import os
import resource as limits
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from landsight.bundle.manifest import Metric
from landsight.studio import recipe as recipes
from landsight.studio.recipe import Recipe
from landsight.studio.train import checkpoint, keeper, run
from landsight.studio.train.loop import Event, Trainer
from landsight.studio.train.run import Run, resume, train

_CONTEXT = multiprocessing.get_context("forkserver")
# Not this module, since the server does not have our sys.path; what a first step would import (the optimisers: torch._dynamo) too.
_CONTEXT.set_forkserver_preload(
    ["landsight.studio.train.run", "landsight.studio.tasks.classify", "landsight.studio.nets.cnn", "torch._dynamo", "torch._inductor"]
)


def in_child(work: Callable[..., None], *arguments: Any, kill_after_s: float | None = None) -> int:
    """Exit code of ``work(*arguments)`` in a child: negative for the signal that ended it. ``kill_after_s``: SIGKILL from outside."""
    child: ForkServerProcess = _CONTEXT.Process(target=work, args=arguments)
    child.start()
    child.join(kill_after_s)
    if child.exitcode is None:
        child.kill()
        child.join()
    assert child.exitcode is not None
    return child.exitcode


def go_on(recipe: Recipe, out: Path, **options: Any) -> Run:
    """Resume if there is anything to resume, else begin."""
    if (out / "recipe.toml").is_file():
        return resume(out, **options)
    return train(recipe, out, **options)


def dies_at_step(toml: str, out: Path, step: int, save_every_step: bool) -> None:
    """Kill -9 right after the optimiser's step ``step``, before anything is saved of it."""
    lean()
    if save_every_step:
        keeper.SAVE_EVERY_S = 0.0

    class Dying(keeper.Keeper):
        def __call__(self, event: Event, trainer: Trainer) -> None:
            if event is Event.STEP and trainer.step == step:
                os.kill(os.getpid(), signal.SIGKILL)
            super().__call__(event, trainer)

    _with_keeper(Dying, toml, out)


def dies_in_write(toml: str, out: Path, number: int) -> None:
    """Kill -9 in the middle of the ``number``-th atomic write: the partial file has its first half."""
    lean()
    count = 0
    true_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal count
        name = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        count += ".partial-" in name
        if count == number and ".partial-" in name:
            os.truncate(name, Path(name).stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        true_fsync(descriptor)

    checkpoint.os.fsync = fsync  # type: ignore[attr-defined]
    go_on(recipes.from_dict(_parsed(toml)), out, say=_silent)


def runs(toml: str, out: Path) -> None:
    """To the end, or until the parent kills it."""
    lean()
    go_on(recipes.from_dict(_parsed(toml)), out, say=_silent)


def fills_the_disk(toml: str, out: Path, step: int, message: Path) -> None:
    """From ``step`` on no file may become larger than 4 kB, as on a disk that is full; the error's text goes to ``message``."""
    lean()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def listen(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == step:
            limits.setrlimit(limits.RLIMIT_FSIZE, (4096, limits.RLIM_INFINITY))

    try:
        train(recipes.from_dict(_parsed(toml)), out, say=_silent, listeners=(listen,))
    except keeper.NotSaved as error:
        limits.setrlimit(limits.RLIMIT_FSIZE, (limits.RLIM_INFINITY, limits.RLIM_INFINITY))
        message.write_text(f"{error.code}: {error}", encoding="utf-8")


def lacks_memory(toml: str, out: Path, spare: int, message: Path) -> None:
    """Address space may grow by ``spare`` bytes once training begins; the error's text goes to ``message``."""
    from landsight.studio.train.memory import OutOfMemory

    def listen(event: Event, trainer: Trainer) -> None:
        if event is Event.START:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            limits.setrlimit(limits.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + spare, limits.RLIM_INFINITY))

    try:
        train(recipes.from_dict(_parsed(toml)), out, say=_silent, listeners=(listen,))
    except OutOfMemory as error:
        message.write_text(f"{error.code}: {error}", encoding="utf-8")


def lean() -> None:
    """Looks that depend on the weights alone and take no time (they need only be repeatable), and nobody who draws curves."""

    def look(engine: Any, recipe: Recipe, task: Any, samples: Any) -> dict[str, Metric]:
        total = sum(float(t.double().abs().sum()) for t in engine._net.state_dict().values())
        share = total % 1.0
        return {"top1": Metric(share, 0.0, 1.0, 9, ""), "log_loss": Metric(1 - share, 0.0, 9.0, 9, "")}

    keeper.look = look
    run.followers = lambda *_, **__: ()


def _with_keeper(kind: type[keeper.Keeper], toml: str, out: Path) -> None:
    run.Keeper = kind  # type: ignore[misc]
    go_on(recipes.from_dict(_parsed(toml)), out, say=_silent)


def _parsed(toml: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(toml)


def _silent(line: str) -> None:
    assert line


def with_workers(recipe: Recipe, workers: int) -> Recipe:
    """The same with so many loader processes."""
    return replace(recipe, train=replace(recipe.train, workers=workers))


def one_of_several(toml: str, out: Path, rank: int, count: int, port: int) -> None:
    """What torchrun starts, without it: process ``rank`` of ``count``."""
    lean()
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    go_on(recipes.from_dict(_parsed(toml)), out, say=_silent)


def in_children(count: int, *arguments: Any) -> list[int]:
    """Exit codes of ``one_of_several`` in so many processes at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    children = [_CONTEXT.Process(target=one_of_several, args=(*arguments, rank, count, port)) for rank in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
        if child.exitcode is None:
            child.kill()
            child.join()
    return [child.exitcode or 0 for child in children]
