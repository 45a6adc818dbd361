"""What a service is started with: one list, from options and from the environment."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from landsight.errors import UsageError
from landsight.photo.limits import Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """``token`` empty: everybody who reaches the address is served, so it must be this machine's own unless ``open`` says otherwise.

    ``queue``: photos that are in work or wait at once; one more is told to come back. ``request_bytes``: of all files of a request
    together; ``upload_bytes``: of all requests at once, beyond which clients are told to come back. ``upload_s``: in which a request must have arrived whole. ``top_k``: candidates when a request does not say.
    """

    bundle: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""
    open: bool = False
    queue: int = 256
    request_bytes: int = 500_000_000
    upload_bytes: int = 1_000_000_000
    upload_s: float = 60.0
    top_k: int = 3
    workers: int | None = None
    runtime: str = "auto"
    precision: str | None = None
    limits: Limits = field(default_factory=Limits.from_environment)


def check(settings: Settings) -> None:
    """Raises: UsageError for an address that others reach without a token, or a number that cannot be."""
    if not settings.token and not settings.open and not is_loopback(settings.host):
        raise UsageError(
            "open_address", f"--host {settings.host} lets other machines in, and no --token is set.",
            "Set --token (or LANDSIGHT_TOKEN), or say --open if everyone who reaches this machine may use it.",
        )  # fmt: skip
    if not 0 <= settings.port <= 65_535:
        raise UsageError("bad_port", f"A port is a number from 0 to 65535: received {settings.port}.", "0 takes any free one.")
    for name in ("queue", "request_bytes", "upload_bytes", "upload_s", "top_k"):
        if not getattr(settings, name) > 0:
            raise UsageError("bad_value", f"{name} must be above 0: received {getattr(settings, name)}.", "Give 1 or more.")


def is_loopback(host: str) -> bool:
    """Does this address reach no further than this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
