"""The training step of programs/train-step.ts as one would write it with torch, transformers and peft.

    python3 torch_step.py '{"directory": ..., "tokens": 256, "batch": 1, "rank": 32, "kl": false, "threads": 2,
                            "precision": "float32", "warmUp": 1, "steps": 3}'

Prints one JSON line per step: {type, seconds, cpuSeconds, peakBytes, loss}; see programs/lines.ts.
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
    import torch.nn.functional as F
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
except ImportError as error:
    say(type="unavailable", reason=f"Python lacks {error.name}")
    sys.exit(0)

torch.set_num_threads(settings["threads"])
torch.manual_seed(0)
dtype = getattr(torch, settings["precision"])
model = AutoModelForCausalLM.from_pretrained(settings["directory"], dtype=dtype, attn_implementation="sdpa")
rank = settings["rank"]
config = LoraConfig(r=rank, lora_alpha=2 * rank, use_rslora=True, target_modules="all-linear", task_type="CAUSAL_LM")
# The adapter in the model's type: in bfloat16 faster than peft's default, which keeps it in float32.
model = get_peft_model(model, config, autocast_adapter_dtype=False)
model.train()
parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
vocabulary = model.config.vocab_size
row = torch.arange(settings["tokens"]) * 7919 % vocabulary
ids = row.repeat(settings["batch"], 1)


def log_probabilities():
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    return F.log_softmax(logits.flatten(0, 1).float(), dim=-1)


def step():
    log_p = log_probabilities()
    loss = F.nll_loss(log_p, ids[:, 1:].flatten())
    if settings["kl"]:
        with torch.no_grad(), model.disable_adapter():
            log_q = log_probabilities()
        loss = loss + 0.1 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


say(type="ready", seconds=time.perf_counter() - started)
for index in range(-settings["warmUp"], settings["steps"]):
    wall, cpu = time.perf_counter(), time.process_time()
    loss = step()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    if index >= 0:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        say(type="step", seconds=seconds, cpuSeconds=cpu_seconds, peakBytes=peak, loss=loss)
