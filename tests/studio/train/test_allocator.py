"""Memory that is freed stays with the process while it trains, and goes back afterwards."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: In a process of its own: the setting is the process's. Counts the pages that the system had to clear.
_PROGRAM = """
import resource
import numpy as np
from landsight.studio.train.allocator import kept_memory

BLOCK = 48 * 2**20  # more than glibc ever keeps by itself

def cleared():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(BLOCK, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident_mb():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) // 1024

cleared()
plain = cleared()
with kept_memory():
    cleared()
    kept = cleared()
    inside = resident_mb()
print(plain, kept, cleared(), inside - resident_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_freed_memory_is_used_again_within_the_block_and_handed_back_after_it() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    plain, kept, after, handed_back_mb = map(int, done.stdout.split())
    assert plain >= 24  # each page, or each huge page of 2 MB, of the 48 MB
    assert kept < plain / 4
    assert after >= plain / 4
    assert handed_back_mb >= 40
