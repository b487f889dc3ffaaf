"""Encodes and decodes with Python `tokenizers`, for the tokenizers and texts that come in as lines of JSON.

A request is `{"tokenizer": <path of a tokenizer.json, or its content>, "texts": [...]}`; "decode" lists further ids to decode. The
answer is `{"error": ...}` where the tokenizer cannot be loaded, else `{"results": [{"ids", "text", "plain"} or {"error"}], "decoded":
[...]}`: the ids without added special tokens, the text of the ids, and the same without special tokens.
"""

import json
import os
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RUST_BACKTRACE"] = "0"

from tokenizers import Tokenizer


def attempt(action):
    try:
        return action()
    except BaseException as error:  # a panic in Rust is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def load(source):
    tokenizer = Tokenizer.from_file(source) if isinstance(source, str) else Tokenizer.from_str(json.dumps(source))
    # transformers sets lengths by itself, whatever the file says.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def answer(request):
    tokenizer = attempt(lambda: load(request["tokenizer"]))
    if isinstance(tokenizer, dict):
        return tokenizer

    def read(text):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        return {"ids": ids, **decode(ids)}

    def decode(ids):
        return {
            "text": attempt(lambda: tokenizer.decode(ids, skip_special_tokens=False)),
            "plain": attempt(lambda: tokenizer.decode(ids, skip_special_tokens=True)),
        }

    return {
        "results": [attempt(lambda: read(text)) for text in request["texts"]],
        "decoded": [decode(ids) for ids in request.get("decode", [])],
    }


def main():
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
