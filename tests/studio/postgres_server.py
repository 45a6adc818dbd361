"""A PostgreSQL server of our own for a test: made, started on a socket in a temporary folder, and stopped. It refuses to run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Who the server runs as when the tests run as root: the account that Debian's package makes.
_ACCOUNT = "postgres"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of an empty database. Absent: the test is skipped and says so; in CI that is a failure."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="landsight-pg-"))  # not pytest's own: its parents are closed to other accounts
    prefix: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT)
        prefix = ["runuser", "-u", _ACCOUNT, "--"]
    control = [*prefix, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
    try:
        _call([*prefix, str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "tuner", "--no-sync"], folder)
        _call([*control, "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start"], folder)
        try:
            yield f"postgresql://tuner@/postgres?host={folder}"
        finally:
            _call([*control, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if named := shutil.which("initdb"):
        found.append(Path(named).resolve())
    if found:
        return found[-1].parent
    message = "needs PostgreSQL's server (apt-get install postgresql)"
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must not skip: {message}")
    pytest.skip(message)


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode:
        log = folder / "log"
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}{log.read_text() if log.is_file() else ''}")
