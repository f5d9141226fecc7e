"""The gate as a stream: it follows the library on the whole recording, whatever else is computed with it."""

import gc
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.denoise.backend import Samples
from heard.denoise.gate import Gate, GateFast, GateStream
from heard.denoise.gate_form import CHUNKS
from heard.denoise.gate_rows import Numbers, Rows
from heard.settings import DEFAULT_MIX

from ...support.corpus import noises, utterances
from ...support.mixing import mix
from .gate_reference import agreement_db, library

RATE_HZ = 16_000
NOTHING = np.zeros(0, np.float32)
LONG = [each for each in utterances() if each.duration_s >= 4]
both = pytest.mark.parametrize("made", [Gate, GateFast])


def _hiss(count: int, seed: int = 0) -> Samples:
    return (0.05 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def _noisy(number: int) -> Samples:
    """Return a mix of one utterance and one noise at 0, 5, 10 or 20 dB."""
    disturbance = noises()[number % len(noises())].samples()
    mixture = mix(
        LONG[number].samples(), disturbance, snr_db=(0, 5, 10, 20)[number % 4], seed=number, lead_in_s=1.0
    )
    return (np.rint(mixture.noisy * 32768) / 32768).astype(np.float32)


def _run(stream: GateStream, samples: Samples, cuts: list[int]) -> Samples:
    out = []
    for start, stop in zip([0, *cuts], [*cuts, len(samples)], strict=True):
        stream.feed(samples[start:stop])
        out.append(stream.take())
    return np.concatenate([*out, stream.finish()])


def _streamed(made: type[Gate], samples: Samples, block: int = 320) -> Samples:
    return _run(made().start(0, NOTHING), samples, list(range(block, len(samples), block)))


@pytest.mark.parametrize(("made", "least_db"), [(Gate, 15), (GateFast, 12)])
@pytest.mark.parametrize("number", range(len(LONG)), ids=[each.name for each in LONG])
def test_the_stream_follows_the_whole_recording(made: type[Gate], least_db: float, number: int) -> None:
    """From 4 s on, at full strength and at the default mix."""
    samples = _noisy(number)
    reference = library(samples, made().bank.form.n_fft)
    streamed = _streamed(made, samples)
    assert len(streamed) == len(samples)
    assert agreement_db(samples, streamed, reference, 1.0) >= least_db
    assert agreement_db(samples, streamed, reference, DEFAULT_MIX["gate"]) >= 30


@pytest.mark.parametrize("count", [1024, 4096, 6000])
def test_the_last_block_of_a_short_recording_is_the_librarys(count: int) -> None:
    """At its end the future is known to be nothing; floor, masks and overlap are then no guess."""
    samples = _hiss(count, seed=count)
    gate = Gate()
    stream = gate.start(0, NOTHING)
    stream.feed(samples)
    out = stream.finish()
    last = slice((count - 1) // 256 * 256, count)
    np.testing.assert_allclose(out[last], library(samples, 1024)[last], atol=2e-6)


@both
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 6000), st.data())
def test_any_chunking_gives_the_same_samples_to_the_bit(
    made: type[Gate], count: int, data: st.DataObject
) -> None:
    samples = _hiss(count)
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=12)))
    out = _run(made().start(0, NOTHING), samples, cuts)
    assert len(out) == count
    np.testing.assert_array_equal(out, _run(made().start(0, NOTHING), samples, []))


@both
@pytest.mark.parametrize("position", [3 * RATE_HZ + 17, 6 * RATE_HZ, 8 * RATE_HZ - 1, 8 * RATE_HZ + 123])
def test_a_later_start_with_lead_in_gives_the_same_samples_to_the_bit(
    made: type[Gate], position: int
) -> None:
    """A replay begins 6 s before the wanted samples, or where the segment does; the gate needs no more."""
    gate = made()
    assert gate.context_samples <= 6 * RATE_HZ
    samples = _hiss(9 * RATE_HZ) * np.repeat(np.array([1, 0.1, 3], np.float32), 3 * RATE_HZ)
    later = gate.start(position, samples[max(0, position - gate.context_samples) : position])
    later.feed(samples[position:])
    np.testing.assert_array_equal(later.finish(), _streamed(made, samples)[position:])


@both
def test_every_sample_of_a_grid_period_can_be_the_first_after_a_replay(made: type[Gate]) -> None:
    """Wherever in a hop and in a chunk it lies, the stated context is enough."""
    samples = _hiss(9 * RATE_HZ, seed=3)
    whole = _streamed(made, samples)
    form = made().bank.form
    chunk = form.chunk * form.hop
    begin = -(-form.context // chunk) * chunk
    # The first and the last hop of a chunk, their first and last sample, and what lies around.
    for ahead in (
        0,
        1,
        form.hop - 1,
        form.hop,
        3 * form.hop,
        4 * form.hop,
        5 * form.hop + 1,
        7 * form.hop + 1,
    ):
        position = begin + ahead
        later = made().start(position, samples[position - form.context : position])
        later.feed(samples[position : position + form.delay + 2 * form.hop])
        out = later.take()
        assert len(out) > form.hop
        np.testing.assert_array_equal(out, whole[position : position + len(out)])


def test_a_stream_is_the_same_alone_and_among_others() -> None:
    """To the bit, whichever are computed with it: they began at other times, and some end before it."""
    gate = Gate()
    samples = {number: _hiss(2 * RATE_HZ, seed=number) for number in range(9)}
    streams = {0: gate.start(0, NOTHING)}
    out: dict[int, list[Samples]] = {number: [] for number in samples}
    for block in range(100):
        for number in range(1, 9):
            if block == 5 * number:
                streams[number] = gate.start(0, NOTHING)
        if block == 60:
            del streams[4]
        for number, stream in streams.items():
            begin = 0 if number == 0 else 5 * number
            stream.feed(samples[number][(block - begin) * 320 :][:320])
        for number, stream in streams.items():
            out[number].append(stream.take())
    for number in (0, 1, 8):
        mingled = np.concatenate(out[number])
        np.testing.assert_array_equal(mingled, _streamed(Gate, samples[number])[: len(mingled)])
        assert len(mingled) > RATE_HZ


def test_what_several_streams_were_fed_is_computed_at_the_first_take() -> None:
    gate = Gate()
    streams = [gate.start(0, NOTHING) for _ in range(3)]
    for stream in streams:
        stream.feed(_hiss(4000))
    streams[0].take()
    assert [stream.frames.number for stream in streams] == [14, 14, 14]
    np.testing.assert_array_equal(streams[2].frames.collect(), _streamed(Gate, _hiss(4000))[: 9 * 256])


def test_rows_are_given_back_and_forget_who_had_them() -> None:
    """By streams that were finished and by those that were just let go."""
    gate = Gate()
    streams = [gate.start(0, NOTHING) for _ in range(5)]
    for number, stream in enumerate(streams):
        stream.feed(_hiss(9000, seed=number))
        stream.take()
    streams[2].finish()
    assert gate.bank.in_use == 5
    del streams, stream
    gc.collect()
    assert gate.bank.in_use == 0
    again = _run(gate.start(0, NOTHING), _hiss(9000, seed=7), [])
    np.testing.assert_array_equal(again, _run(Gate().start(0, NOTHING), _hiss(9000, seed=7), []))
    assert gate.bank.capacity == 8


@both
def test_a_sample_is_out_once_the_delay_has_passed(made: type[Gate]) -> None:
    """And of a block's first sample, not one sample before."""
    gate = made()
    hop = gate.bank.form.hop
    stream = gate.start(0, NOTHING)
    samples = _hiss(20 * hop)
    out = fed = 0
    for until in range(hop - 1, len(samples), hop):
        # Twice in a hop: up to one sample short of the next, and that sample.
        for stop in (until, until + 1):
            stream.feed(samples[fed:stop])
            fed = stop
            out += len(stream.take())
            assert out == max(0, fed - gate.delay_samples + hop) // hop * hop


def test_the_delays_are_within_what_was_asked_for() -> None:
    assert Gate().delay_samples == 1792 <= 0.15 * RATE_HZ
    assert GateFast().delay_samples == 768 <= 0.05 * RATE_HZ


@both
@pytest.mark.parametrize("place", [4000, 4001, 4095, 4096])
def test_an_impulse_comes_out_where_it_went_in(made: type[Gate], place: int) -> None:
    """The delay is time, never an offset."""
    samples = _hiss(9000) / np.float32(100)
    samples[place] = 0.9
    out = _streamed(made, samples)
    assert np.argmax(np.abs(out)) == place
    assert out[place] > 0.3


@both
def test_noise_is_lowered(made: type[Gate]) -> None:
    """White noise by 8 dB and more once the floor is known; blocks alone would give 1 dB."""
    hiss = _hiss(8 * RATE_HZ)
    out = _streamed(made, hiss)[4 * RATE_HZ :]
    assert 10 * np.log10(np.mean(hiss[4 * RATE_HZ :] ** 2) / np.mean(out**2)) > 8


@both
def test_silence_stays_silence(made: type[Gate]) -> None:
    out = _streamed(made, np.zeros(7 * RATE_HZ, np.float32))
    np.testing.assert_array_equal(out, np.zeros(7 * RATE_HZ))


@both
@pytest.mark.filterwarnings("error")
def test_sound_after_digital_silence_and_before_it_is_finite(made: type[Gate]) -> None:
    """And once the floor has forgotten it, silence is exact again; nothing overflows on the way."""
    burst = np.zeros(14 * RATE_HZ, np.float32)
    burst[3 * RATE_HZ : 4 * RATE_HZ] = np.random.default_rng(2).uniform(-1, 1, RATE_HZ)
    burst[-1] = 1.0
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        out = _streamed(made, burst, 1600)
    assert len(out) == len(burst)
    assert np.isfinite(out).all()
    assert out[3 * RATE_HZ : 4 * RATE_HZ].any()
    assert not out[5 * RATE_HZ : 13 * RATE_HZ].any()


@both
@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([-1.0, -1 / 32768, 0.0, 1 / 32768, 32767 / 32768]), max_size=3000))
def test_whatever_goes_in_as_much_comes_out_and_finite(made: type[Gate], values: list[float]) -> None:
    """From nothing and one sample on, between the faintest and full scale."""
    samples = np.array(values, np.float32)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        out = _streamed(made, samples)
    assert out.shape == samples.shape
    assert np.isfinite(out).all()
    assert np.abs(out).max(initial=0) < 4


@both
@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 255, 256, 257, 511, 512, 1023, 1024, 1025, 2049])
@pytest.mark.parametrize("position", [0, 1, 300])
def test_the_shortest_streams_come_out_whole_and_finite(made: type[Gate], count: int, position: int) -> None:
    """At a segment's start, and in the middle without any context: behind a hole."""
    stream = made().start(position, NOTHING)
    stream.feed(np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32))
    out = stream.finish()
    assert out.shape == (count,)
    assert np.isfinite(out).all()


def test_a_stream_that_was_fed_nothing_returns_nothing() -> None:
    stream = Gate().start(9999, _hiss(5000))
    assert len(stream.take()) == 0
    assert len(stream.finish()) == 0


@both
@settings(max_examples=5, deadline=None)
@given(st.integers(1 << 20, 1 << 27))
def test_large_sample_numbers_change_nothing(made: type[Gate], periods: int) -> None:
    """A thousand hours are 2^36 samples: numbers neither overflow nor drift."""
    gate = made()
    period = gate.bank.form.chunk * CHUNKS * gate.bank.form.hop
    samples = _hiss(12_000)
    near, far = (gate.start(3 * 320 + period * count, samples[:7000]) for count in (1, periods))
    for stream in (near, far):
        stream.feed(samples[7000:])
    np.testing.assert_array_equal(near.finish(), far.finish())


def test_a_batch_that_fails_ends_its_streams_and_no_others() -> None:
    """None of them goes on with half a frame; a stream outside of it does."""
    gate = Gate()
    broken = [gate.start(0, NOTHING) for _ in range(2)]
    well = gate.start(0, NOTHING)
    listen = gate.bank.listen

    def fail(rows: Rows, numbers: Numbers, frames: Samples) -> None:
        raise MemoryError

    for stream in broken:
        stream.feed(_hiss(3000))
    gate.bank.listen = fail  # type: ignore[method-assign]  # the memory is out for once
    with pytest.raises(MemoryError):
        broken[1].take()
    gate.bank.listen = listen  # type: ignore[method-assign]  # and there again
    with pytest.raises(RuntimeError, match="the batch that this stream was in failed"):
        broken[0].take()
    np.testing.assert_array_equal(
        _run(well, _hiss(3000), []), _run(Gate().start(0, NOTHING), _hiss(3000), [])
    )


def test_the_gate_needs_neither_noisereduce_nor_scipy() -> None:
    """They are most of the stage's memory and of its start."""
    code = (
        "import sys; from heard.denoise.process import Registry; import numpy as np;"
        "gates = [Registry().get(name) for name in ('gate', 'gate-fast')];"
        "streams = [gate.start(0, np.zeros(0, np.float32)) for gate in gates];"
        "[stream.feed(np.ones(5000, np.float32)) for stream in streams];"
        "print(*(len(stream.finish()) for stream in streams));"
        "print(*sorted({'noisereduce', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.splitlines() == ["5000 5000", ""]


def _gain_db(out: Samples, samples: Samples, from_s: int) -> float:
    """Return by how much `out` is louder than `samples` from a time on."""
    kept, given = out[from_s * RATE_HZ :], samples[from_s * RATE_HZ :]
    return float(10 * np.log10(np.mean(kept**2) / np.mean(given**2)))


def _told(gate: Gate, noise: Samples, samples: Samples) -> Samples:
    return _run(gate.with_noise(noise).start(0, NOTHING), samples, [])


@both
def test_a_gate_that_is_told_the_noise_takes_as_much_of_it_as_one_that_tracks_it(made: type[Gate]) -> None:
    """Steady noise alone, of which next to nothing is left."""
    noise, more = _hiss(2 * RATE_HZ, seed=1), _hiss(8 * RATE_HZ, seed=2)
    told, tracked = _told(made(), noise, more), _streamed(made, more)
    assert _gain_db(told, more, 4) < -40
    assert abs(_gain_db(told, more, 4) - _gain_db(tracked, more, 4)) < 4


@both
def test_a_given_floor_stays_where_the_tracked_one_rises(made: type[Gate]) -> None:
    """A steady sound 20 dB above the noise: noise to the gate after a while, unless it was told."""
    quiet = 0.1 * _hiss(2 * RATE_HZ, seed=3)
    samples = np.concatenate((quiet, _hiss(6 * RATE_HZ, seed=4)))
    assert _gain_db(_told(made(), quiet, samples), samples, 6) > -2
    assert _gain_db(_streamed(made, samples), samples, 6) < -30


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 4 * RATE_HZ), max_size=6), st.integers(3 * RATE_HZ, 4 * RATE_HZ))
def test_with_a_profile_any_chunking_and_any_replay_give_the_same_samples(
    cuts: list[int], position: int
) -> None:
    """To the bit, also in a batch with streams that track theirs."""
    samples, profile = _hiss(4 * RATE_HZ + 999, seed=5), _hiss(RATE_HZ, seed=6)
    whole = _run(Gate().with_noise(profile).start(0, NOTHING), samples, [])
    gate = Gate()
    tracking = gate.start(0, NOTHING)
    told = gate.with_noise(profile)
    tracking.feed(samples)
    np.testing.assert_array_equal(_run(told.start(0, NOTHING), samples, sorted(cuts)), whole)
    np.testing.assert_array_equal(tracking.finish(), _run(Gate().start(0, NOTHING), samples, []))
    later = told.start(position, samples[:position])
    np.testing.assert_array_equal(_run(later, samples[position:], []), whole[position:])


@both
def test_sample_numbers_of_a_thousand_hours_change_nothing(made: type[Gate]) -> None:
    """On the same grid the same samples, however far from the segment's start."""
    gate = made()
    chunk = gate.bank.form.chunk * gate.bank.form.hop
    near = -(-gate.context_samples // chunk) * chunk
    far = near + 1000 * 3600 * RATE_HZ // chunk * chunk
    context, samples = _hiss(gate.context_samples, seed=7), _hiss(2 * RATE_HZ, seed=8)
    out = [_run(gate.start(position, context), samples, []) for position in (near, far)]
    np.testing.assert_array_equal(out[0], out[1])
