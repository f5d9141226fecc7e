"""What a session waits for, and how it notices that nobody is there."""

from heard.upstream.backoff import Kind
from heard.upstream.states import Limits
from heard.upstream.vigil import Vigil

LIMITS = Limits(connect_s=10, begin_s=8, drain_s=6, ping_s=3, pong_s=5)


def text_of(vigil: Vigil, now: float) -> str:
    """Return what did not come in time, "" where nothing is overdue."""
    late = vigil.overdue(now)
    return "" if late is None else late.text


def test_each_step_has_its_own_deadline() -> None:
    """The connection, Begin, and whatever is expected next; what has come is waited for no longer."""
    vigil = Vigil(LIMITS, 0.0)
    assert text_of(vigil, 9.9) == ""
    assert text_of(vigil, 10.0) == "no connection within 10 s"
    vigil.connected(10.0)
    assert text_of(vigil, 17.9) == ""
    assert text_of(vigil, 18.0) == "no Begin within 8 s"
    vigil.met()
    assert text_of(vigil, 1e9) == ""
    vigil.expect("Termination", 6.0, 20.0)
    assert text_of(vigil, 26.0) == "no Termination within 6 s"


def test_a_peer_that_answers_is_alive() -> None:
    """A ping every three seconds, not another before the answer; anything that comes is one."""
    vigil = Vigil(LIMITS, 0.0)
    vigil.connected(0.0)
    pings = []
    for now in range(1, 20):
        if vigil.ping_due(now):
            pings.append(now)
            vigil.alive(now + 0.5)
        assert vigil.dead(now) is None
    assert pings == [3, 6, 9, 12, 15, 18]


def test_a_peer_that_does_not_answer_is_dead() -> None:
    """Five seconds behind the ping."""
    vigil = Vigil(LIMITS, 0.0)
    vigil.connected(0.0)
    assert vigil.ping_due(3.0)
    assert not vigil.ping_due(7.0)
    assert vigil.dead(7.9) is None
    dead = vigil.dead(8.0)
    assert dead is not None
    assert (dead.kind, dead.text) == (Kind.DEAD, "no answer to a ping for 5 s")


def test_time_in_which_we_did_not_run_is_the_peers() -> None:
    """Stopped for a minute: the peer has as long as it had before."""
    vigil = Vigil(LIMITS, 0.0)
    vigil.connected(0.0)
    vigil.tick(0.5)
    vigil.ping_due(3.0)
    vigil.tick(60.5)
    assert text_of(vigil, 60.5) == ""
    assert vigil.dead(60.5) is None
    assert text_of(vigil, 68.0) == "no Begin within 8 s"
