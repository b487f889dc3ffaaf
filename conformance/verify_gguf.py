"""What llama.cpp makes of a GGUF file: token ids of texts, and greedy continuations.

    python3 verify_gguf.py --model model.gguf [--adapter adapter.gguf] --input input.json

The input is JSON: {"texts": [...], "prompts": [[token ids], ...], "tokens": N}. Prints one line of JSON: `ids` of each text as
they are, special tokens parsed, none added; `idsWithSpecial`, with those that llama.cpp adds; and for each prompt the greedy `tokens`
and `smallestMargin`, by how much the log-probability led where it was closest. Needs the package xllamacpp.
"""

import argparse
import json
import urllib.request
from pathlib import Path

import xllamacpp


def start(model: str, adapter: str | None) -> xllamacpp.Server:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = 512
    parameters.n_parallel = 1
    parameters.warmup = False
    parameters.verbosity = 0
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    # Float32 keys and values: what is compared is the weights.
    parameters.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    if adapter is not None:
        information = xllamacpp.CommonAdapterLoraInfo()
        information.path = adapter
        information.scale = 1.0
        parameters.lora_adapters = [information]
    return xllamacpp.Server(parameters)


def ask(server: xllamacpp.Server, path: str, body: dict) -> dict:
    request = urllib.request.Request(f"{server.listening_address}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def tokenize(server: xllamacpp.Server, text: str, add_special: bool) -> list[int]:
    return ask(server, "/tokenize", {"content": text, "add_special": add_special, "parse_special": True})["tokens"]


def complete(server: xllamacpp.Server, prompt: list[int], count: int) -> dict:
    answer = ask(
        server,
        "/completion",
        {"prompt": prompt, "n_predict": count, "temperature": 0, "n_probs": 2, "return_tokens": True, "cache_prompt": False},
    )
    return {"tokens": answer["tokens"], "smallestMargin": min(map(margin, answer["completion_probabilities"]), default=None)}


def margin(position: dict) -> float:
    first, second = sorted((entry["logprob"] for entry in position["top_logprobs"]), reverse=True)[:2]
    return first - second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter")
    parser.add_argument("--input", required=True, type=Path)
    arguments = parser.parse_args()
    asked = json.loads(arguments.input.read_text(encoding="utf-8"))
    server = start(arguments.model, arguments.adapter)
    texts = asked.get("texts", [])
    print(
        json.dumps(
            {
                "ids": [tokenize(server, text, False) for text in texts],
                "idsWithSpecial": [tokenize(server, text, True) for text in texts],
                "completions": [complete(server, prompt, asked.get("tokens", 16)) for prompt in asked.get("prompts", [])],
            }
        )
    )


if __name__ == "__main__":
    main()
