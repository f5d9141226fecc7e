"""systemd's readiness protocol (sd_notify(3)): datagrams to the socket in $NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)


class Notifier:
    """Tells systemd the state of the service; does nothing where no systemd asked for it."""

    def __init__(self) -> None:
        # Taken out of the environment so that no child speaks for the service.
        address = os.environ.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._told = ""

    def tell(self, **fields: str) -> None:
        """Send the fields (READY, STATUS, STOPPING …), unless they are what was sent last."""
        message = "\n".join(f"{name}={value}" for name, value in fields.items())
        if not self._address or message == self._told:
            return
        self._told = message
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(0.2)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd was not told %r: %s", message, error)
