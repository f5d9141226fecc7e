"""systemd's readiness protocol (sd_notify(3)): datagrams to the socket in $NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import os
import socket
import time

log = logging.getLogger(__name__)


class Notifier:
    """Tells systemd the state of the service; does nothing where no systemd asked for it."""

    def __init__(self) -> None:
        # Taken out of the environment so that no child speaks for the service.
        address = os.environ.pop("NOTIFY_SOCKET", "")
        usec, pid = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._told = ""
        ours = not pid or pid == str(os.getpid())
        self.watchdog_s = int(usec) / 1e6 if address and ours and usec.isdecimal() else None
        """Within how long systemd wants to be told that all is well (WatchdogSec=); None: it does not."""

    def tell(self, **fields: str) -> None:
        """Send the fields (READY, STATUS, STOPPING …), unless they are what was sent last."""
        message = "\n".join(f"{name}={value}" for name, value in fields.items())
        if message == self._told:
            return
        self._told = message
        self._send(message)

    def feed(self) -> None:
        """Tell the watchdog that all is well."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the configuration is being read; the next READY ends it.

        MONOTONIC_USEC is for units of type notify-reload, which match it with the signal they sent.
        """
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.tell(RELOADING="1", MONOTONIC_USEC=str(usec))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(0.2)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd was not told %r: %s", message, error)
