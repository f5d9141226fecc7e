"""What a report comes to."""

from __future__ import annotations

import pytest

from heard.doctor.finding import Finding, failed, fault, ok, skipped, summary, warning


@pytest.mark.parametrize(
    ("findings", "fails", "line"),
    [
        ([], False, "nothing is at fault"),
        ([ok("a", "x"), skipped("b", "y")], False, "nothing is at fault"),
        ([ok("a", "x"), warning("b", "y", "z")], False, "1 warning"),
        ([fault("a", "x", "z"), warning("b", "y", "z"), warning("c", "y", "z")], True, "1 fault, 2 warnings"),
        ([fault("a", "x", "z")] * 3, True, "3 faults"),
    ],
)
def test_only_faults_fail(findings: list[Finding], fails: bool, line: str) -> None:
    """Warnings are told and counted."""
    assert failed(findings) is fails
    assert summary(findings) == line
