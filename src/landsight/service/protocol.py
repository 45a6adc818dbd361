"""HTTP as it comes over the socket: uvicorn's parser in C, which reads heads of any length, and a limit to them."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request line and its headers. More is sent by nobody who means well, and would lie in memory.
MOST_HEAD_BYTES: Final = 65_536


class LimitedProtocol(HttpToolsProtocol):
    """Ends a connection whose head does not end."""

    _is_in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        """See uvicorn."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See uvicorn."""
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request does not end.")
