"""Prints which characters Python `tokenizers` counts as what, as ranges of code points.

Its Rust crates each know a version of Unicode; `unicode.ts` of the package models says the same, and a test compares the two.
"""

import json
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Regex, normalizers, pre_tokenizers

CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
TEXT = "".join(CHARACTERS)


def ranges(characters):
    found = []
    for code in sorted(map(ord, characters)):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def removed_by(normalizer):
    """The characters that do not come out of a normalizer which takes some away."""
    return ranges(set(CHARACTERS) - set(normalizer.normalize_str(TEXT)))


def isolated_by(pre_tokenizer):
    """The characters that stand alone, each between letters."""
    pieces = pre_tokenizer.pre_tokenize_str("".join(f"aa{character}" for character in CHARACTERS))
    return ranges({piece for piece, _ in pieces if len(piece) == 1})


def joined_by(pre_tokenizer):
    """The characters that letters on both sides make one word with."""
    joined = set()
    for start in range(0, len(CHARACTERS), 1024):
        text = " ".join(f"a{character}a" for character in CHARACTERS[start : start + 1024])
        pieces = pre_tokenizer.pre_tokenize_str(text)
        joined |= {piece[1] for piece, _ in pieces if len(piece) == 3 and piece[0] == piece[2] == "a"}
    return ranges(joined)


def changed_by(normalizer):
    """What each character becomes, where it becomes another; on lines of their own, since neighbours combine."""
    characters = [character for character in CHARACTERS if character != "\n"]
    lines = normalizer.normalize_str("\n".join(characters)).split("\n")
    return {ord(c): changed for c, changed in zip(characters, lines, strict=True) if changed != c}


def main():
    accents = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    print(
        json.dumps(
            {
                "expressions": {
                    source: removed_by(normalizers.Replace(Regex(source), ""))
                    for source in [r"\s", r"\w", r"[\w]", r"\d", r"[[:alnum:]]", r"(?i:[sk])"]
                    + [rf"\p{{{name}}}" for name in "L Lu Ll Lm Lo N P S M Z Alphabetic Han".split()]
                },
                "whitespace": isolated_by(pre_tokenizers.Split(Regex(r"\s"), "isolated")),
                "numeric": isolated_by(pre_tokenizers.Digits(individual_digits=True)),
                "punctuation": isolated_by(pre_tokenizers.Punctuation()),
                "word": joined_by(pre_tokenizers.Whitespace()),
                "combining": removed_by(normalizers.StripAccents()),
                "normalizers": {
                    **{name: changed_by(getattr(normalizers, name)()) for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]},
                    "accents": changed_by(accents),
                },
            }
        )
    )


if __name__ == "__main__":
    main()
