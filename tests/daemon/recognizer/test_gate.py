"""Finals before partials."""

import threading

from heard.recognizer.gate import DecodeGate

from ...support.poll import until


def test_a_partial_gets_only_a_place_that_is_free() -> None:
    """A second partial is turned away, not kept waiting."""
    gate = DecodeGate(1)
    with gate.partial() as first, gate.partial() as second:
        assert first
        assert not second
    with gate.partial() as later:
        assert later


def test_a_final_waits_for_its_place_and_partials_give_way_to_it() -> None:
    """While a final waits, the running partial learns of it and no other begins."""
    gate = DecodeGate(1)
    entered = threading.Event()

    def final() -> None:
        with gate.final():
            entered.set()

    with gate.partial():
        thread = threading.Thread(target=final)
        thread.start()
        until(gate.final_is_waiting, 30, "the final to wait")
        assert not entered.is_set()
        with gate.partial() as other:
            assert not other
    assert entered.wait(30)
    thread.join(30)
    assert not gate.final_is_waiting()


def test_as_many_finals_run_at_once_as_there_are_places() -> None:
    """With two places two finals meet inside; the highest number of them at a time is two."""
    gate, meeting, inside, most = DecodeGate(2), threading.Barrier(2), 0, 0
    lock = threading.Lock()

    def final() -> None:
        nonlocal inside, most
        with gate.final():
            with lock:
                inside += 1
                most = max(most, inside)
            meeting.wait(30)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=final) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 2
    assert inside == 0
