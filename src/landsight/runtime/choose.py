"""Which runtime and precision are fastest here: measured, remembered for this machine and this bundle, and then pinned.

Without a measurement it is fp32 in ONNX Runtime. A precision other than fp32 is only a candidate when the bundle says that it was
checked and loses at most MAX_LOSS_POINTS of top-1.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.load import Bundle
from landsight.errors import RuntimeUnavailable
from landsight.runtime.engine import Engine
from landsight.runtime.model_file import IR_SUFFIX, WEIGHTS_SUFFIX
from landsight.runtime.pieces import usable_cores

RuntimeName = Literal["onnxruntime", "openvino"]

#: Runtime -> (module, class), imported on use.
RUNTIMES: Final[dict[str, tuple[str, str]]] = {
    "onnxruntime": ("landsight.runtime.onnxruntime", "OnnxRuntimeEngine"),
    "openvino": ("landsight.runtime.openvino", "OpenVinoEngine"),
}
DEFAULT: Final = ("onnxruntime", "fp32")
#: Points of top-1 that a faster precision may lose on the bundle's own check.
MAX_LOSS_POINTS: Final = 0.3
#: Precisions that a runtime computes from the file of another.
_FILE_OF: Final = {"bf16": "fp32"}
_BATCH: Final = 16
_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast one pair was: milliseconds for one picture alone, pictures per second in batches of 16."""

    runtime: str
    precision: str
    single_ms: float
    pictures_per_s: float


def candidates(bundle: Bundle) -> list[tuple[str, str]]:
    """Pairs of runtime and precision that the bundle allows, the default first; installed or not.

    manifest.calibration["runtimes"], where it is there, names the only runtimes that take the model (a TFLite model of somebody else is
    OpenVINO's alone). manifest.calibration["precisions_checked"] maps "openvino bf16" and the like to the points of top-1 lost against fp32.
    """
    only = bundle.manifest.calibration.get("runtimes")
    runtimes = [name for name in RUNTIMES if not isinstance(only, list) or name in only] or list(RUNTIMES)
    allowed = [(runtime, "fp32") for runtime in runtimes]
    checked = bundle.manifest.calibration.get("precisions_checked", {})
    for pair, loss in checked.items() if isinstance(checked, Mapping) else ():
        runtime, _, precision = str(pair).partition(" ")
        is_small = isinstance(loss, int | float) and loss <= MAX_LOSS_POINTS
        has_file = _FILE_OF.get(precision, precision) in bundle.manifest.precisions
        if is_small and has_file and runtime in runtimes and (runtime, precision) not in allowed:
            allowed.append((runtime, precision))
    return allowed


def make(bundle: Bundle, runtime: str | None = None, precision: str = DEFAULT[1], *, threads: int | None = None) -> Engine:
    """An engine of exactly this runtime and precision; None: the first that the bundle allows.

    Raises: RuntimeUnavailable, also when the processor has no such precision, or the bundle is not for this runtime.
    """
    allowed = [name for name, _ in candidates(bundle)]
    runtime = runtime or allowed[0]
    if runtime not in RUNTIMES:
        raise RuntimeUnavailable("unknown_runtime", f"There is no runtime {runtime!r}.", f"Choose one of: {', '.join(RUNTIMES)}.")
    if runtime not in allowed:
        raise RuntimeUnavailable(
            "other_runtime", f"The bundle {bundle.manifest.name} does not run in {runtime}.", f"Use: {', '.join(allowed)}."
        )
    if runtime == "onnxruntime" and precision in _FILE_OF:
        raise RuntimeUnavailable(
            "unknown_precision", f"ONNX Runtime does not compute in {precision} here.", "Use openvino for it, or fp32."
        )
    from importlib import import_module

    module, name = RUNTIMES[runtime]
    path = bundle.model_path(_FILE_OF.get(precision, precision))
    if path.suffix == IR_SUFFIX:
        bundle.file(path.relative_to(bundle.root).with_suffix(WEIGHTS_SUFFIX).as_posix())  # its weights must be listed too
    engine: Engine = getattr(import_module(module), name)(path, precision, threads)
    if engine.name != f"{runtime} {precision}":
        raise RuntimeUnavailable(
            "precision_missing", f"Asked for {runtime} {precision}, this processor computes {engine.name}.", "Use fp32."
        )
    return engine


def measure(bundle: Bundle, *, threads: int | None = None, seconds: float = 0.5) -> list[Timing]:
    """Time every candidate that runs here on random pictures, ``seconds`` each; the fastest in batches comes first.

    Candidates take turns, so that a machine that is busy for a moment is unfair to none.
    """
    engines: dict[tuple[str, str], Engine] = {}
    for runtime, precision in candidates(bundle):
        with suppress(RuntimeUnavailable):
            engines[runtime, precision] = make(bundle, runtime, precision, threads=threads)
    if not engines:
        make(bundle, threads=threads)  # raises, and says why
    p = bundle.manifest.input
    shape = (_BATCH, 3 if p.colour == "RGB" else 1, p.height, p.width)
    batch = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    names = tuple(bundle.manifest.outputs)
    wants = tuple(name for name in names if name in ("logits", "embedding")) or names
    single: dict[tuple[str, str], float] = {}
    many: dict[tuple[str, str], float] = {}
    end = time.perf_counter() + seconds * len(engines)
    rounds = 0
    while rounds < 2 or time.perf_counter() < end:
        rounds += 1
        for pair, engine in engines.items():
            # The best time is the machine's; longer ones are other programs'. The first, which warms up, is never the best.
            single[pair] = min(single.get(pair, float("inf")), _seconds(engine, batch[:1], wants))
            many[pair] = min(many.get(pair, float("inf")), _seconds(engine, batch, wants))
    timings = [Timing(*pair, single_ms=1000 * single[pair], pictures_per_s=_BATCH / many[pair]) for pair in engines]
    return sorted(timings, key=lambda timing: -timing.pictures_per_s)


def remember(bundle: Bundle, timings: Iterable[Timing]) -> Path | None:
    """Keep a measurement in the user's cache folder, whole or not at all. None when the folder cannot be written."""
    path = cache_path(bundle)
    record = {"schema_version": _SCHEMA, "key": _key(bundle), "timings": [asdict(timing) for timing in timings]}
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".choice-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=1)
        Path(temporary).replace(path)
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        return None
    return path


def recall(bundle: Bundle) -> list[Timing]:
    """The remembered measurement, fastest first; empty when there is none for this bundle, processor and these versions, or it is garbage.

    Pairs that the bundle does not allow are left out: the cache may not loosen what the bundle says.
    """
    try:
        record = json.loads(cache_path(bundle).read_text(encoding="utf-8"))
        if record["schema_version"] != _SCHEMA or record["key"] != _key(bundle):
            return []
        timings = [
            Timing(str(t["runtime"]), str(t["precision"]), float(t["single_ms"]), float(t["pictures_per_s"])) for t in record["timings"]
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    allowed = candidates(bundle)
    return sorted((t for t in timings if (t.runtime, t.precision) in allowed), key=lambda timing: -timing.pictures_per_s)


def pick(bundle: Bundle, *, runtime: str | None = None, precision: str | None = None, threads: int | None = None) -> Engine:
    """The engine to use: the one asked for; else the fastest remembered; else fp32 in ONNX Runtime.

    Asking for only one of the two takes the best remembered pair that has it, or fp32 and ONNX Runtime. A remembered engine that does
    not start gives way to the default; ``name`` always says what runs. Raises: RuntimeUnavailable.
    """
    if runtime is not None and precision is not None:
        return make(bundle, runtime, precision, threads=threads)
    for timing in recall(bundle):
        if runtime in (None, timing.runtime) and precision in (None, timing.precision):
            with suppress(RuntimeUnavailable):
                return make(bundle, timing.runtime, timing.precision, threads=threads)
    return make(bundle, runtime or _runtime_for(bundle, precision), precision or DEFAULT[1], threads=threads)


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """LANDSIGHT_CACHE, or landsight in XDG_CACHE_HOME, or ~/.cache/landsight."""
    if own := environ.get("LANDSIGHT_CACHE"):
        return Path(own)
    shared = environ.get("XDG_CACHE_HOME", "")
    return (Path(shared) if shared.startswith("/") else Path.home() / ".cache") / "landsight"


def cache_path(bundle: Bundle) -> Path:
    """The file of this bundle's measurement on this machine."""
    digest = hashlib.sha256(json.dumps(_key(bundle), sort_keys=True).encode()).hexdigest()
    return cache_folder() / "choices" / f"{digest[:32]}.json"


def _runtime_for(bundle: Bundle, precision: str | None) -> str:
    return "openvino" if precision in _FILE_OF else candidates(bundle)[0][0]


def _seconds(engine: Engine, batch: NDArray[np.float32], wants: tuple[str, ...]) -> float:
    start = time.perf_counter()
    engine.run(batch, wants)
    return time.perf_counter() - start


def _key(bundle: Bundle) -> dict[str, str]:
    """What a measurement depends on."""
    versions = {name: _version(name) for name in RUNTIMES}
    return {"bundle": bundle.bundle_hash, "processor": processor(), "cores": str(usable_cores()), **versions}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def processor() -> str:
    """The processor's name and, because clouds give different ones the same name, a digest of its features."""
    name, flags = platform.processor() or platform.machine(), ""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            label, _, value = (part.strip() for part in line.partition(":"))
            if label == "model name":
                name = value
            elif label in ("flags", "Features"):
                flags = value
                break
    return f"{name} {hashlib.sha256(flags.encode()).hexdigest()[:8]}"
