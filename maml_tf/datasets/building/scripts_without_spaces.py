"""Tells texts in scripts that do not put spaces between words."""

import re
from collections.abc import Iterable

# Thai and Lao, Tibetan and Burmese, Khmer, kana, Chinese characters.
_LETTER = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)

# Fewest letters between two spaces, on average, for the spaces to be those of
# sentences. Texts that were divided into words have two or so.
_FEWEST = 4


def without_spaces(texts: Iterable[str]) -> bool:
    """Returns whether most letters are of such scripts, and words run on.

    Args:
        texts: Strings.
    """
    joined = [" ".join(text.split()) for text in texts]
    letters = sum(len(_LETTER.findall(text)) for text in joined)
    others = sum(sum(map(str.isalpha, text)) for text in joined)
    spaces = sum(text.count(" ") for text in joined)
    # Vowel signs are letters here, but not to `isalpha`.
    return 2 * letters > others and letters > _FEWEST * spaces
