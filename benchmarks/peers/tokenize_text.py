"""The tokenising of programs/tokenize.ts with Python's tokenizers (Rust), on one thread.

    python3 tokenize_text.py '{"directory": ..., "cacheDirectory": ..., "warmUp": 1, "steps": 3}'

Prints one JSON line per step: {type, seconds, cpuSeconds, peakBytes, loss}, the loss being the number of tokens; see
programs/lines.ts.
"""
import json
import os
import resource
import sys
import time

started = time.perf_counter()
settings = json.loads(sys.argv[1])
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"


def say(**line):
    print(json.dumps(line), flush=True)


try:
    from tokenizers import Tokenizer
except ImportError as error:
    say(type="unavailable", reason=f"Python lacks {error.name}")
    sys.exit(0)

tokenizer = Tokenizer.from_file(os.path.join(settings["directory"], "tokenizer.json"))
tokenizer.no_truncation()
tokenizer.no_padding()
with open(os.path.join(settings["cacheDirectory"], "texts.json"), encoding="utf-8") as file:
    texts = json.load(file)

say(type="ready", seconds=time.perf_counter() - started)
for index in range(-settings["warmUp"], settings["steps"]):
    cpu, wall = time.process_time(), time.perf_counter()
    tokens = 0
    for first in range(0, len(texts), 256):
        found = tokenizer.encode_batch_fast(texts[first : first + 256], add_special_tokens=False)
        tokens += sum(len(each.ids) for each in found)
    if index < 0:
        continue
    say(
        type="step",
        seconds=time.perf_counter() - wall,
        cpuSeconds=time.process_time() - cpu,
        peakBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        loss=tokens,
    )
