"""The generation of programs/generate.ts with torch and transformers.

    python3 transformers_generate.py '{"directory": ..., "batch": 1, "promptTokens": 32, "newTokens": 128, "threads": 2,
                                       "precision": "float32", "warmUp": 1, "steps": 3}'

Prints one JSON line per step: {type, seconds, cpuSeconds, peakBytes}; see programs/lines.ts.
"""
import json
import os
import resource
import sys
import time

started = time.perf_counter()
settings = json.loads(sys.argv[1])
os.environ["OMP_NUM_THREADS"] = str(settings["threads"])


def say(**line):
    print(json.dumps(line), flush=True)


try:
    import torch
    from transformers import AutoModelForCausalLM
except ImportError as error:
    say(type="unavailable", reason=f"Python lacks {error.name}")
    sys.exit(0)

torch.set_num_threads(settings["threads"])
dtype = getattr(torch, settings["precision"])
model = AutoModelForCausalLM.from_pretrained(settings["directory"], dtype=dtype, attn_implementation="sdpa").eval()
vocabulary = model.config.vocab_size
made = 0


def prompts():
    global made
    rows = torch.arange(made, made + settings["batch"])[:, None]
    made += settings["batch"]
    return (rows * 104_729 + torch.arange(settings["promptTokens"]) * 7919 + 17) % vocabulary


@torch.inference_mode()
def step():
    ids = prompts()
    count = settings["newTokens"]
    found = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        min_new_tokens=count,
        max_new_tokens=count,
        pad_token_id=0,
    )
    assert found.shape[1] == ids.shape[1] + count


say(type="ready", seconds=time.perf_counter() - started)
for index in range(-settings["warmUp"], settings["steps"]):
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    if index >= 0:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        say(type="step", seconds=seconds, cpuSeconds=cpu_seconds, peakBytes=peak)
