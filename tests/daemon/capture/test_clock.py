"""The clock tells when frames were captured though nobody wakes up on time."""

import numpy as np
import pytest

from heard.capture.clock import DeviceClock

RATE_HZ = 48_000
BLOCK = 480
START = 5000.0


class Device:
    """A device that hands over blocks; `late_s` says how late each wake-up is."""

    def __init__(self, drift: float = 0.0) -> None:
        self.clock = DeviceClock(RATE_HZ)
        self.drift = drift
        self.frame = 0
        self.gone_s = 0.0

    def truth(self, frame: float) -> float:
        """Return when the device captured `frame`."""
        return START + self.gone_s + frame / RATE_HZ * (1 + self.drift)

    def deliver(self, late_s: float, *, overrun: bool = False) -> float:
        """Hand over one block; return what the clock says is missing before it."""
        at = self.truth(self.frame) + late_s
        step = self.clock.feed(self.frame, at, overrun=overrun)
        self.frame += BLOCK
        return step

    def error(self) -> float:
        """Return how late the clock puts the next frame."""
        return self.clock.time_of(self.frame) - self.truth(self.frame)


def lateness(seed: int, count: int) -> list[float]:
    """Return wake-ups some ms late, now and then 40 ms, as measured under two CPU hogs."""
    rng = np.random.default_rng(seed)
    late = rng.exponential(0.003, count)
    late[rng.random(count) < 0.02] += 0.04
    return [float(value) for value in late]


@pytest.mark.parametrize("drift", [0.0, 0.0001, -0.0001])
def test_jitter_is_filtered_and_drift_followed(drift: float) -> None:
    """Two minutes with late wake-ups: times stay within 2 ms and never jump by more than 1 ms."""
    device = Device(drift)
    errors, last = [], None
    for late in lateness(1, 12_000):
        assert device.deliver(late) == 0
        time = device.clock.time_of(device.frame)
        if last is not None and device.frame > 5 * RATE_HZ:
            assert abs(time - last - BLOCK / RATE_HZ) < 0.001
            errors.append(device.error())
        last = time
    assert max(map(abs, errors)) < 0.002


def test_a_first_wake_up_that_is_late_is_soon_forgotten() -> None:
    """The line starts wherever the first one says, and is right within four seconds."""
    device = Device()
    device.deliver(0.045)
    for late in lateness(2, 400):
        device.deliver(late)
    assert abs(device.error()) < 0.002


def test_a_burst_after_a_stall_keeps_its_true_times() -> None:
    """A second in which nothing arrives, then all at once: no frame is missing, no time moves."""
    device = Device()
    for late in lateness(3, 500):
        device.deliver(late)
    for number in range(100):
        assert device.deliver(1.0 - number * BLOCK / RATE_HZ) == 0
        assert abs(device.error()) < 0.002
    for late in lateness(4, 500):
        assert device.deliver(late) == 0
    assert abs(device.error()) < 0.002


@pytest.mark.parametrize("overrun", [True, False])
def test_missing_frames_are_measured(overrun: bool) -> None:
    """300 ms that never arrive are found within 1 s where the device says so, else within 3 s."""
    device = Device()
    for late in lateness(5, 500):
        device.deliver(late)
    device.gone_s = 0.3
    steps = [device.deliver(late, overrun=overrun and not n) for n, late in enumerate(lateness(6, 300))]
    found = next(n for n, step in enumerate(steps) if step)
    assert found * BLOCK / RATE_HZ < (1.0 if overrun else 3.0)
    assert sum(steps) == pytest.approx(0.3, abs=0.003)
    assert abs(device.error()) < 0.003


def test_an_overrun_flag_without_a_loss_moves_nothing() -> None:
    """Devices cry wolf, at their start above all."""
    device = Device()
    for n, late in enumerate(lateness(7, 1000)):
        assert device.deliver(late, overrun=n % 50 == 0) == 0
    assert abs(device.error()) < 0.003


def test_frames_left_out_by_ourselves_move_the_line_at_once() -> None:
    """Their number is known: nothing need be measured."""
    device = Device()
    for late in lateness(8, 500):
        device.deliver(late)
    device.gone_s = 0.2
    device.clock.skip(int(0.2 * RATE_HZ))
    for late in lateness(9, 500):
        assert device.deliver(late) == 0
        assert abs(device.error()) < 0.002


def test_a_clock_that_was_not_fed_knows_nothing() -> None:
    """It says so."""
    with pytest.raises(ValueError, match="not been fed"):
        DeviceClock(RATE_HZ).time_of(0)
