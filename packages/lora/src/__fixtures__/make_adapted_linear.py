"""One linear layer adapted by PEFT, and its gradients by PyTorch: adapted-linear.safetensors, for linear.test.ts.

    python3 make_adapted_linear.py
"""

from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file

generator = torch.Generator().manual_seed(7)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator)


model = torch.nn.Module()
model.layer = torch.nn.Linear(6, 5)
model = inject_adapter_in_model(LoraConfig(r=3, lora_alpha=4, use_rslora=True, target_modules=["layer"]), model)
linear, a, b = model.layer.base_layer, model.layer.lora_A["default"].weight, model.layer.lora_B["default"].weight
with torch.no_grad():
    for parameter in (linear.weight, linear.bias, a, b):
        parameter.copy_(random(*parameter.shape))

x, upstream = random(2, 4, 6).requires_grad_(), random(2, 4, 5)
y = model.layer(x)
gradient_x, gradient_a, gradient_b = torch.autograd.grad((y * upstream).sum(), [x, a, b])
tensors = {
    "x": x, "weight": linear.weight, "bias": linear.bias, "a": a, "b": b, "y": y, "upstream": upstream,
    "gradient.x": gradient_x, "gradient.a": gradient_a, "gradient.b": gradient_b,
}
path = Path(__file__).with_name("adapted-linear.safetensors")
save_file({name: tensor.detach().clone() for name, tensor in tensors.items()}, path)
path.chmod(0o644)
