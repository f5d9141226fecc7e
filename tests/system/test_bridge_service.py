"""`heard-bridge@.service` in a booted systemd: beside the daemon, its secret a credential, sandboxed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.far_sides import receiver
from ..support.poll import until
from .service import installed, listening, told, wait_for

SECRET = "whsec_" + "aGVhcmQgdGVzdHMgc2lnbiB3aXRoIHRoaXMga2V5"
UNIT = "heard-bridge@webhook"
PLACE = "var/lib/heard/bridges/webhook.json"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_bridge_runs_beside_the_daemon_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    """Finals arrive signed; a kill -9 costs none; a configuration that is wrong is not tried again."""
    with (
        installed(tmp_path, 170) as box,
        listening(box) as (_, _client),
        receiver(SECRET, box.listener()) as hook,
    ):
        box.do("cp", "/opt/heard/share/heard/heard-bridge@.service", "/etc/systemd/system/")
        box.write("/etc/credstore/webhook-secret", SECRET + "\n", 0o600)
        box.write("/etc/heard/bridge-webhook.env", f"HEARD_BRIDGE_WEBHOOK_URL={hook.url}\n")
        box.do("systemctl", "daemon-reload")
        box.do("systemctl", "start", "heard", UNIT)
        wait_for(box, "active")
        until(lambda: len(hook.taken) >= 2, 40, box.journal(UNIT))
        box.do("systemctl", "kill", "--signal=KILL", UNIT)
        count = len(hook.taken)
        until(lambda: len(hook.taken) >= count + 3, 40, box.journal(UNIT))
        texts = [body["data"]["text"] for body in hook.taken]
        first_seen = list(dict.fromkeys(texts))
        words = [int(word[1:]) for text in first_seen for word in text.split()]
        first = words[0]
        assert words == [n for n in range(first, words[-1] + 1) if n % 6 != 5], "no word is missing"
        assert (box.root / PLACE).stat().st_mode & 0o777 == 0o600
        exposed = box.do("systemd-analyze", "security", "--no-pager", f"{UNIT}.service").splitlines()[-1]
        assert float(exposed.partition(": ")[2].split()[0]) <= 3.0, exposed
        box.do("systemctl", "stop", UNIT)
        assert box.shown(UNIT, "Result") == ["success"]
        box.write("/etc/heard/bridge-webhook.env", "HEARD_BRIDGE_WEBHOOK_URL=ftp://nowhere\n")
        box.do("systemctl", "start", UNIT)
        until(lambda: box.shown(UNIT, "ActiveState") == ["failed"], 20, box.journal(UNIT))
        assert box.shown(UNIT, "NRestarts") == ["0"]
        told(box, UNIT, "must be http://HOST or https://HOST")
