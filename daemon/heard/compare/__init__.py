"""The same audio under several settings of noise reduction: what becomes of its words, and how sure that is.

Cores: `grid` (which settings), `words` and `align` (two texts), `majority` (where nobody knows what was
said), `score`, `bootstrap` and `verdict` (what the figures say), `sound` (what there is without words).
Shells: `recording`, `microphone`, `hear`, `through`, `run`, `png`. A benchmark may use the same parts.
"""
