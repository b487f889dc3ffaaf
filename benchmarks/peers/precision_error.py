"""The logit error of int8 and int8x3 in exact arithmetic: the rounding that SafeTune describes, its products in float64.

    python3 precision_error.py CHECKPOINT tokens.json

tokens.json holds [{"tokenIds": [...], "start": n}, ...]; see programs/precision-error.ts. Prints {"int8": [e, ...], "int8x3": [e, ...]}:
relative l2 distances of the logits of the tokens from `start` on from those without rounding. The first of each is of the model as it
is, the others of one whose embeddings differ by a millionth: roundings fall otherwise, and show how far the figure is chance.
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM


class RoundedLinear(torch.nn.Module):
    """Rows of weights and of activations in steps of their largest magnitude / 127; `parts` 2 adds 254ths of steps."""

    def __init__(self, linear, parts):
        super().__init__()
        weight = linear.weight.detach().float()
        self.scale = (weight.abs().amax(1) / 127).double()
        exact = weight.double() / self.scale[:, None]
        self.values = torch.floor(exact + 0.5)
        self.residual = torch.floor((exact - self.values) * 254 + 0.5) if parts == 2 else None
        self.bias = None if linear.bias is None else linear.bias.detach().double()

    def forward(self, x):
        step = x.abs().amax(-1, keepdim=True) / 127
        high = torch.round(x / step)
        product = high @ self.values.T
        if self.residual is not None:
            low = torch.round((x / step - high) * 254)
            product += (high @ self.residual.T + low @ self.values.T) / 254
        product = product * step * self.scale
        return product if self.bias is None else product + self.bias


def model_of(folder, parts):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").double()
    if parts > 0:
        linears = [(name, module) for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
        for name, module in linears:
            model.set_submodule(name, RoundedLinear(module, parts))
    return model.eval()


@torch.no_grad()
def logits_of(model, conversations):
    return torch.cat([
        model(torch.tensor([each["tokenIds"]])).logits[0, each["start"] - 1 : -1] for each in conversations
    ])


folder, tokens = sys.argv[1:]
with open(tokens, encoding="utf-8") as file:
    conversations = json.load(file)
reference = logits_of(model_of(folder, 0), conversations)
torch.manual_seed(0)
errors = {}
for name, parts in (("int8", 1), ("int8x3", 2)):
    model = model_of(folder, parts)
    embeddings = model.get_input_embeddings().weight.data
    original = embeddings.clone()
    errors[name] = []
    for noise in (0, 1e-6, 1e-6, 1e-6, 1e-6):
        embeddings.copy_(original * (1 + noise * torch.randn_like(original)))
        errors[name].append(float((logits_of(model, conversations) - reference).norm() / reference.norm()))
print(json.dumps(errors))
