"""The service under load: 64 clients for a minute beside `landsight locate` over the same files, one request alone beside the work that it
asks for, and LitServe with the same network.

LANDSIGHT_DATA=... python benchmarks/service.py [--quick] [--rounds 3] [--bundle DIR] [--litserve PYTHON]

Needs wrk (Debian: apt-get install wrk). --litserve: the Python of an environment that has litserve beside landsight's packages; without it
that side is left out.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common import (
    SIDES,
    Figure,
    Report,
    in_turns,
    landsight_command,
    open_bundle,
    ratio,
    run,
    serving,
    settings,
    stop,
    use_same_cores,
    warm,
)
from memory import linked, pss_kb, tree

from landsight.bundle.load import Bundle

CLIENTS, LOAD_S, WARM_S, ALONE = 64, 60, 10, 120
QUICK = (8, 6, 2, 20)
#: One camera photo in ten, the others small.
MIXED, LOCATED, EACH = 200, 1_200, 10
_SAMPLE_S, _EDGE_S = 0.5, 10.0
_FREE = ("--runtime", "onnxruntime", "--precision", "fp32")  # no side measures engines meanwhile


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured with what. ``list_file``: a path a line, in the order in which wrk posts them."""

    bundle: Bundle
    photos: list[Path]
    folder: Path
    list_file: Path
    clients: int
    load_s: int
    warm_s: int
    alone: int
    litserve: str | None


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted, the processor seconds of wrk and of the service, and the memory of the service (MB) in the first and last 10 s."""

    photos_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    requests: int
    load_cpu_s: float
    service_cpu_s: float
    first_mb: float
    last_mb: float


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--litserve")
    own, rest = parser.parse_known_args()
    chosen = settings(__doc__ or "", rest if "--rounds" in rest else [*rest, "--rounds", "3"])
    if shutil.which("wrk") is None:
        stop("wrk makes the load: apt-get install wrk")
    bundle = open_bundle(chosen)
    use_same_cores()
    report = Report("service", "the service: 64 clients, photos of mixed sizes", chosen, bundle, notes=list(NOTES))
    clients, load_s, warm_s, alone = QUICK if chosen.quick else (CLIENTS, LOAD_S, WARM_S, ALONE)
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        photos = mixed(chosen.data, MIXED)
        warm(photos)
        list_file = Path(scratch) / "photos.txt"
        list_file.write_text("".join(f"{path}\n" for path in photos), encoding="utf-8")
        folder = linked(photos, Path(scratch), 40 if chosen.quick else LOCATED)
        plan = Plan(bundle, photos, folder, list_file, clients, load_s, warm_s, alone, own.litserve)
        sides = {"locate": lambda: located(plan), "service": lambda: loaded(plan), "alone": lambda: one_alone(plan)}
        if plan.litserve:
            sides["litserve"] = lambda: loaded_litserve(plan)
        results = in_turns(sides, chosen.rounds)
    report.details |= {
        "clients": clients, "seconds": load_s, "seconds before that": warm_s, "distinct_bytes": sum(p.stat().st_size for p in set(photos)),
        "photos in the mix": len(photos), "requests": [one.requests for one in results["service"]],
        "wrk": run(["wrk", "-v"], may_fail=True).stdout.split("\n")[0].strip(),
        "litserve": version_of(plan.litserve) if plan.litserve else None,
    }  # fmt: skip
    report.finish(figures(results))


def mixed(data: Path, count: int) -> list[Path]:
    """Small photos with a camera photo in every tenth place, always the same."""
    cameras = sorted((data / "camera").glob("*.jpg"))
    small = sorted(path for path in (data / "landmarks" / "test").rglob("*") if path.is_file())
    small = small[:: max(1, len(small) // count)]
    return [cameras[i // EACH % len(cameras)] if i % EACH == 0 else small[i % len(small)] for i in range(count)]


def located(plan: Plan) -> float:
    """Photos a second of the command, from its start to its end."""
    command = landsight_command("locate", str(plan.folder), "-f", "jsonl", "-o", os.devnull, "--bundle", str(plan.bundle.root), *_FREE)
    return len(list(plan.folder.iterdir())) / run(command).wall_s


def loaded(plan: Plan) -> Load:
    """The service under the clients."""
    with serving(plan.bundle.root) as (pid, address):
        return under_load(plan, pid, address, "/v1/locate", "files")


def under_load(plan: Plan, pid: int, address: str, path: str, field: str) -> Load:
    """First a while that is not counted, then the minute; memory and processor time of the whole tree of ``pid``."""
    wrk(plan, address, path, field, plan.warm_s)
    samples: list[tuple[float, float]] = []
    ended = threading.Event()

    def sample() -> None:
        began = time.monotonic()
        while not ended.wait(_SAMPLE_S):
            samples.append((time.monotonic() - began, sum(map(pss_kb, tree(pid))) / 1024))

    watcher = threading.Thread(target=sample)
    watcher.start()
    before = cpu_s(pid)
    said, load_cpu = wrk(plan, address, path, field, plan.load_s)
    used = cpu_s(pid) - before
    ended.set()
    watcher.join()
    edge = min(_EDGE_S, plan.load_s / 3)
    first = [mb for at, mb in samples if at <= edge]
    last = [mb for at, mb in samples if plan.load_s - edge <= at <= plan.load_s]
    return Load(
        said["requests"] / said["seconds"], said["p50_ms"], said["p99_ms"], said["failed"], said["requests"], load_cpu, used,
        sum(first) / len(first), sum(last) / len(last),
    )  # fmt: skip


def wrk(plan: Plan, address: str, path: str, field: str, seconds: int) -> tuple[dict[str, Any], float]:
    """What wrk says, and its own processor seconds."""
    command = ["wrk", "-t1", f"-c{plan.clients}", f"-d{seconds}s", "--timeout", "60s", "-s", str(SIDES / "load.lua"), address]
    ran = run([*command, "--", path, field, str(plan.list_file)])
    return json.loads(next(line for line in ran.stdout.splitlines() if line.startswith("{"))), ran.cpu_s


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and of all below it that live, and of those that it has seen end."""
    ticks = 0
    for one in tree(pid):
        try:
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, words[11:15] if one == pid else words[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def one_alone(plan: Plan) -> tuple[list[float], list[float]]:
    """Milliseconds of one request after the other, and of decoding and the network for the same photos in one process."""
    contents = [path.read_bytes() for path in plan.photos[: plan.alone]]
    with serving(plan.bundle.root) as (_, address):
        host, _, port = address.removeprefix("http://").partition(":")
        client = http.client.HTTPConnection(host, int(port))
        asked = [timed(partial(post, client, photo)) for photo in contents[:10] + contents][10:]
        client.close()
    # NumPy with one thread, as the command line sets it: its product with the bank of neighbours is small.
    side = [sys.executable, str(SIDES / "one_photo.py"), str(plan.bundle.root), str(plan.list_file), str(plan.alone)]
    return asked, json.loads(run(side, env={"OPENBLAS_NUM_THREADS": "1"}).stdout)


def post(client: http.client.HTTPConnection, photo: bytes) -> None:
    """One photo as the body."""
    client.request("POST", "/v1/locate", photo, {"Content-Type": "image/jpeg"})
    reply = client.getresponse()
    reply.read()
    if reply.status != 200:
        stop(f"one request alone was answered {reply.status}")


def timed(what: Any) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    what()
    return 1e3 * (time.perf_counter() - began)


def loaded_litserve(plan: Plan) -> Load:
    """LitServe with the same network under the same clients."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    p, cores = plan.bundle.manifest.input, len(os.sched_getaffinity(0))
    model = plan.bundle.root / plan.bundle.manifest.precisions["fp32"]
    command = [
        str(plan.litserve),
        str(SIDES / "serve_litserve.py"),
        str(model),
        str(port),
        str(cores),
        "1",
        str(p.width),
        str(p.mean[0]),
        str(p.std[0]),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as program:
        try:
            wait_for(port)
            return under_load(plan, program.pid, f"http://127.0.0.1:{port}", "/predict", "request")
        finally:
            os.killpg(program.pid, signal.SIGKILL)


def wait_for(port: int) -> None:
    """Until somebody says that the workers are ready."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request("GET", "/health")
            if client.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    stop("LitServe did not start")


def version_of(python: str) -> str:
    """Of litserve in that environment."""
    return run([python, "-c", "import importlib.metadata as m; print(m.version('litserve'))"]).stdout.strip()


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def figures(results: dict[str, list[Any]]) -> list[Figure]:
    """Goals first."""
    service, alone = results["service"], results["alone"]
    asked, worked = [median(a) for a, _ in alone], [median(w) for _, w in alone]
    rate = [load.photos_per_s for load in service]
    rows = [
        Figure("64 clients / landsight locate, photos a second", "x", ratio(rate, results["locate"]), 0.7, ">="),
        Figure("failed requests", "", [load.failed for load in service], 0),
        Figure("p99 / p50", "x", [load.p99_ms / load.p50_ms for load in service], 3),
        Figure("memory, last 10 s / first 10 s, all processes", "x", [load.last_mb / load.first_mb for load in service], 1.05),
        Figure("one request alone / decoding and network, p50", "x", ratio(asked, worked), 1.4),
    ]
    if lit := results.get("litserve"):
        rows.append(Figure("64 clients / LitServe, photos a second", "x", ratio(rate, [load.photos_per_s for load in lit]), 1.2, ">="))
    rows += [
        Figure("service", "photos/s", rate),
        Figure("landsight locate, whole process", "photos/s", results["locate"]),
        Figure("service, p50", "ms", [load.p50_ms for load in service]),
        Figure("service, p99", "ms", [load.p99_ms for load in service]),
        Figure("service, processor time", "ms a photo", [1e3 * load.service_cpu_s / load.requests for load in service]),
        Figure("wrk, processor time", "ms a photo", [1e3 * load.load_cpu_s / load.requests for load in service]),
        Figure("memory, all processes, last 10 s", "MB", [load.last_mb for load in service]),
        Figure("one request alone, p50", "ms", asked),
        Figure("decoding and network in one process, p50", "ms", worked),
    ]
    if lit:
        rows += [
            Figure("LitServe", "photos/s", [load.photos_per_s for load in lit]),
            Figure("LitServe, p99 / p50", "x", [load.p99_ms / load.p50_ms for load in lit]),
            Figure("LitServe, failed requests", "", [load.failed for load in lit]),
            Figure("LitServe, memory, last 10 s", "MB", [load.last_mb for load in lit]),
        ]
    return rows


NOTES = (
    "Every tenth photo is from a camera (8 to 16 megapixels), the others from landmarks/test; each is posted as a form of one file.",
    "wrk, one thread, makes the load on the same two cores as the service, and has its share of them: its processor time is told. The first "
    "ten seconds of load are not counted.",
    "locate: the whole process over links to the same files. All sides: ONNX Runtime, fp32, no measuring of engines.",
    "Memory: proportional set size of the service and its workers, summed, means of the first and of the last ten seconds.",
    "One alone: as the body, one request after the other on one connection; beside it photo.read, prepare and the network in one process.",
    "LitServe: two workers of one thread each, batches up to 16, Pillow with draft; benchmarks/sides/serve_litserve.py.",
)

if __name__ == "__main__":
    sys.exit(main())
