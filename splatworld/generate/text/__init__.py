"""Words to a scene spec, offline: tokens, terms (lexicon and catalogue), grammar, then the spec with its defaults.

`parse` reads a sentence, `describe` says what was understood. Both are loaded when asked for.
"""

from splatworld.generate.text.describe import describe
from splatworld.generate.text.spec import parse

__all__ = ["describe", "parse"]
