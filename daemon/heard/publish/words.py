"""Core: from what a person types to a query of the full-text index, which has a syntax of its own.

Words must all occur, in any order; words in double quotes must follow each other; a word that ends in `*`
stands for all that begin with it. Nothing else means anything: AND, brackets and colons are looked for as
words, or, having no letter, left out. Case and diacritics do not count.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 1000
"""Characters that a query may have."""
MOST = 50
"""Words and phrases that it may have."""

_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')


def match(typed: str) -> str:
    """Return the FTS5 query for what was typed.

    Raises:
        ValueError: it has no word, or is too long; the text says what would be right.
    """
    if len(typed) > LONGEST:
        raise ValueError(f"words: {len(typed)} characters: at most {LONGEST} are looked for")
    parts = [part for found in _PART.finditer(typed) if (part := _part(found[1], found[2]))]
    if not parts:
        raise ValueError("words: at least one word is needed")
    if len(parts) > MOST:
        raise ValueError(f"words: {len(parts)} words: at most {MOST} are looked for")
    return " ".join(parts)


def _part(phrase: str | None, word: str | None) -> str:
    """Return a phrase or a word as FTS5 takes it, "" where nothing in it can be found."""
    typed = word if phrase is None else phrase
    # Between quotes FTS5 sees nothing but a quote, of which there is none left, and the end of a C string.
    text = " ".join((typed or "").replace("\0", " ").split())
    # The tokenizer takes letters and digits; what has none of them would match nothing.
    if not any(unicodedata.category(c)[0] in "LN" for c in text):
        return ""
    return f'"{text.rstrip("*")}"*' if word and text.endswith("*") else f'"{text}"'
