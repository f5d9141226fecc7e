"""From outcomes to rows, verdicts and tables, on outcomes whose answer is known."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from .intervals import Interval
from .mixes import Mix
from .outcome import Outcome
from .plan import PARTS
from .plot import draw
from .report import Found, complete, page
from .summary import BOTH, NOISY, OFF, QUIET, Heard, rows
from .tables import Cost, csv_of, words_table
from .verdict import DEFAULT, SHIPPED_NEURAL, Question, answers, best, judged

SETTINGS = (OFF, DEFAULT, SHIPPED_NEURAL)
ERRORS = {OFF: 3, DEFAULT: 3, SHIPPED_NEURAL: 2}
COSTS = {"off": Cost(0, 0), "noisereduce": Cost(128, 90 << 20), "deepfilter": Cost(46, None)}


def outcome(errors: int) -> Outcome:
    """Return one of 10 words; more errors than that were capped."""
    return Outcome("", min(errors, 10), errors, 10, 5.0, 0.5, None)


def heard() -> Heard:
    """Return ten utterances in each part, at every SNR and clean; one setting is a tenth better."""
    return {
        Mix(part, f"{part} {number}", "rain" if snr_db is not None else "", snr_db, 1): {
            setting: outcome(errors if snr_db is not None else 1) for setting, errors in ERRORS.items()
        }
        for part in PARTS
        for number in range(10)
        for snr_db in (0, 5, 10, 20, None)
    }


def test_rates_and_differences() -> None:
    """Pooled over words; the difference is to off on the same mixes."""
    found = {(row.setting, row.part, row.group): row for row in rows(heard(), SETTINGS, seed=1)}
    neural = found[SHIPPED_NEURAL, PARTS[1], NOISY]
    assert (neural.mixes, neural.words, neural.errors) == (30, 300, 60)
    assert neural.wer == pytest.approx(20)
    assert neural.against is not None
    assert (neural.against.low, neural.against.points, neural.against.high) == pytest.approx((-10, -10, -10))
    assert found[OFF, BOTH, QUIET].wer == pytest.approx(20)
    assert found[OFF, BOTH, QUIET].against is None


def test_the_cap_is_counted() -> None:
    """A row says how often errors were capped, and what the rate would be without."""
    mix = Mix(PARTS[0], "u", "rain", 0, 1)
    (row, *_) = rows({mix: {OFF: outcome(25)}}, [OFF], seed=1)
    assert (row.wer, row.uncut, row.capped) == (100, 250, 1)


@pytest.mark.parametrize(
    ("interval", "within", "better"),
    [
        (Interval(0.1, -0.2, 0.4, 20), "yes", "no"),
        (Interval(0.1, -0.5, 0.9, 20), "by the figure; the interval reaches further", "no"),
        (Interval(0.9, -0.2, 1.4, 20), "not by the figure; the interval holds 0", "no"),
        (Interval(0.4, 0.1, 0.7, 20), "no, worse beyond noise", "no"),
        (Interval(-3.0, -4.0, -1.0, 20), "yes", "yes"),
        (Interval(-3.0, -6.0, 0.2, 20), "yes", "by the figure; the interval is not clear of 0"),
        (Interval(-1.0, -2.5, 0.2, 20), "yes", "not by the figure; the interval reaches it"),
    ],
)
def test_what_an_interval_answers(interval: Interval, within: str, better: str) -> None:
    """`within` 0.5 point, and `better` by 2."""
    assert judged(Question("", DEFAULT, OFF, NOISY, 0.5, clear=False), interval) == within
    assert judged(Question("", DEFAULT, OFF, NOISY, -2.0, clear=True), interval) == better


def test_few_utterances_answer_nothing() -> None:
    """However clear the figure is."""
    question = Question("", DEFAULT, OFF, NOISY, 0.5, clear=False)
    assert judged(question, Interval(-9.0, -9.0, -9.0, 3)) == "cannot be told from 3 utterances"


def test_questions_about_settings_that_were_run() -> None:
    """The loop was not, so nothing is said of it; the others are answered for each part and both."""
    asked = {(question.one, question.other, part) for question, part, _ in answers(heard(), SETTINGS, seed=1)}
    assert asked == {(one, OFF, part) for one in SETTINGS[1:] for part in (*PARTS, BOTH)}


def test_the_best_is_chosen_on_one_part_alone() -> None:
    """What happens in the other part has no say."""
    altered = {
        mix: {setting: outcome(9 if mix.part == PARTS[1] and setting == SHIPPED_NEURAL else ERRORS[setting])
              for setting in SETTINGS}
        for mix in heard()
    }  # fmt: skip
    leader = best(altered, SETTINGS, seed=1)
    assert leader is not None
    setting, chosen_on, confirmed_on = leader
    assert setting == SHIPPED_NEURAL
    assert chosen_on.points == pytest.approx(-10)
    assert confirmed_on.points == pytest.approx(60)


def test_only_complete_mixes_are_compared() -> None:
    """A mix that one setting has not been run on is left out for all."""
    mixes = list(heard())
    partial = {**heard(), mixes[0]: {OFF: outcome(1)}}
    assert list(complete(mixes, SETTINGS, partial)) == mixes[1:]


def test_tables_show_every_setting_and_the_csv_every_row() -> None:
    """Both are made of the same rows."""
    found = rows(heard(), SETTINGS, seed=1)
    lines = words_table(found).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| off", "| noisereduce 0.3", "| deepfilter 0.5"]
    assert "-10.0 [-10.0, -10.0]" in lines[4]
    written = list(csv.DictReader(io.StringIO(csv_of({"tiny": found}))))
    assert len(written) == len(found)
    assert {row["against_off"] for row in written if row["backend"] == "deepfilter"} >= {"-10.00", "0.00"}


def test_the_page_says_what_it_rests_on(tmp_path: Path) -> None:
    """Command, versions, seed, size of either part; and the plot is a small PNG."""
    found = Found("moonshine-tiny", SETTINGS, 200, heard())
    text = page([found], COSTS, command="the command", seed=17, notes=["Left out: something."])
    for wanted in ("the command", "seed 17", "numpy", "100 of 200 planned mixes", "Left out: something."):
        assert wanted in text
    assert "Fewest errors at 0 to 10 dB in the development part: deepfilter 0.5" in text
    path = tmp_path / "plot.png"
    draw({"moonshine-tiny": rows(heard(), SETTINGS, seed=1)}, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 100_000


def test_nothing_heard_is_no_page_of_zeros() -> None:
    """An engine that had no time is not in the tables."""
    text = page([Found("moonshine-base", SETTINGS, 200, {})], COSTS, command="", seed=1, notes=[])
    assert "moonshine-base" not in text


def test_settings_have_names_of_their_own() -> None:
    """A mix of off means nothing."""
    assert [each.name for each in (OFF, DEFAULT)] == ["off", "noisereduce 0.3"]
