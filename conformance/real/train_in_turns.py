"""A fine-tune with transformers and peft, step by step: whoever asks for a step gives its batch.

    python3 real/train_in_turns.py --model DIR --adapter DIR --steps 200 --learning-rate 2e-4 --warmup 20 --threads 1

Says {"ready": true} when it is; then, for each line {"inputIds", "lengths", "responseMask"} on stdin, does one step and prints
its loss as measured before the update, the norm of the gradient, and the seconds it took by the clock and of the processor. It is PyTorch at its
best, as in benchmarks/peers: its own attention, fused AdamW. The loss is that of transformers' Trainer: the mean over the batch's targets.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--model", type=Path, required=True)
parser.add_argument("--adapter", type=Path, required=True)
parser.add_argument("--steps", type=int, required=True)
parser.add_argument("--learning-rate", type=float, required=True)
parser.add_argument("--warmup", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from transformers import get_linear_schedule_with_warmup

from reference import adapter_parameters, cross_entropy, load_adapter, load_model, report, token_logits

torch.set_num_threads(arguments.threads)
model = load_adapter(load_model(arguments.model, attention="sdpa"), arguments.adapter)
parameters = list(adapter_parameters(model).values())
optimizer = torch.optim.AdamW(parameters, lr=arguments.learning_rate, weight_decay=0.01, fused=True)
schedule = get_linear_schedule_with_warmup(optimizer, arguments.warmup, arguments.steps)


def step(batch) -> dict[str, float]:
    input_ids, lengths = torch.tensor(batch["inputIds"]), torch.tensor(batch["lengths"])
    loss = cross_entropy(token_logits(model, input_ids, lengths), input_ids, torch.tensor(batch["responseMask"]))
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad(set_to_none=True)
    return {"loss": loss.item(), "gradientNorm": norm.item()}


report({"ready": True})
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    said = step(json.loads(line))
    report({**said, "seconds": time.perf_counter() - wall, "cpuSeconds": time.process_time() - cpu})
