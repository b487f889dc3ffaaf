"""Serves a GGUF file by llama.cpp's own HTTP server, until its standard input is closed.

    python3 serve_gguf.py --model model.gguf [--api-key KEY] [--parallel 4]

Prints one line of JSON once it listens: `url`, the base address of its OpenAI-compatible API. Needs the package xllamacpp.
"""

import argparse
import json
import sys

import xllamacpp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--api-key")
    parser.add_argument("--parallel", type=int, default=4)
    arguments = parser.parse_args()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments.model
    parameters.n_ctx = 1024 * arguments.parallel
    parameters.n_parallel = arguments.parallel
    parameters.warmup = False
    parameters.verbosity = 0
    parameters.cpuparams.n_threads = 2
    parameters.cpuparams_batch.n_threads = 2
    if arguments.api_key is not None:
        parameters.api_keys = [arguments.api_key]
    server = xllamacpp.Server(parameters)
    print(json.dumps({"url": f"{server.listening_address}/v1"}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
