"""``landsight serve``: the answers of ``locate`` over HTTP, on this machine."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from landsight.cli.options import bundle_option, limit_options, limits_from, runtime_options
from landsight.errors import RuntimeUnavailable

#: In which what is in work is finished when the service is told to end.
_GRACE_S = 30


@click.command()
@bundle_option
@click.option("--host", default="127.0.0.1", show_default=True, envvar="LANDSIGHT_HOST", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8765,
    show_default=True,
    envvar="LANDSIGHT_PORT",
    help="Port to listen on; 0: any free one.",
)
@click.option(
    "--token",
    default="",
    envvar="LANDSIGHT_TOKEN",
    help="What every request must carry (Authorization: Bearer). Others on this machine see options; the variable LANDSIGHT_TOKEN they do not.",
)
@click.option("--open", "open_", is_flag=True, help="Serve other machines without a token.")
@click.option(
    "--queue",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    envvar="LANDSIGHT_QUEUE",
    help="Photos in work or waiting; beyond that clients are told to come back.",
)
@runtime_options
@limit_options
def serve(**options: Any) -> None:
    """Answer photos over HTTP until Ctrl-C. What is uploaded is never stored, and where photos were taken is never logged.

    Needs the extra [serve]. Exit code 0: ended as asked, 2: an address or option that cannot be, 3: no bundle or runtime.
    """
    try:
        import uvicorn

        from landsight.service.app import create_app
        from landsight.service.protocol import LimitedProtocol
        from landsight.service.settings import Settings, check
    except ImportError as error:
        raise RuntimeUnavailable(
            "serve_missing", f"The service needs packages that are not installed: {error.name}.", "Run: pip install 'landsight[serve]'."
        ) from None
    settings = Settings(
        bundle=options["bundle"], host=options["host"], port=options["port"], token=options["token"], open=options["open_"], queue=options["queue"],
        workers=options["workers"], runtime=options["runtime"], precision=options["precision"], limits=limits_from(options),
    )  # fmt: skip
    check(settings)
    config = uvicorn.Config(
        create_app(settings), settings.host, settings.port, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=_GRACE_S, timeout_keep_alive=15, http=LimitedProtocol, ws="none",
    )  # fmt: skip
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(config))


async def _serve(config: Any) -> None:
    """Run the server; say where it listens once it does."""
    import uvicorn

    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve())
    while not server.started and not running.done():
        await asyncio.sleep(0.02)
    for listening in getattr(server, "servers", ()):
        for socket in listening.sockets:
            host, port = socket.getsockname()[:2]
            click.echo(f"listening on http://{f'[{host}]' if ':' in host else host}:{port} (Ctrl-C ends it)", err=True)
    await running
