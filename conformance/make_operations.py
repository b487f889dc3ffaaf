"""Golden values and gradients of single tensor operations, by PyTorch autograd.

Inputs are float32; outputs and gradients are computed in float64 from them and stored as float32, so that the goldens
carry no rounding of their own. Writes goldens/operations.safetensors and goldens/operations.json.
"""

import torch
import torch.nn.functional as F

from golden_files import GOLDENS, make_repeatable, seeded, write_json, write_tensors

make_repeatable()
generator = seeded(20_250_806)
tensors: dict[str, torch.Tensor] = {}
cases: list[dict] = []


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator)


def positive(*shape: int) -> torch.Tensor:
    """In [0.25, 2.25): safe for log, sqrt, reciprocal, a divisor and a real power."""
    return torch.rand(shape, generator=generator) * 2 + 0.25


def away_from_zero(*shape: int) -> torch.Tensor:
    """For functions with a kink at zero: no entry within 0.1 of it."""
    value = normal(*shape)
    return value + torch.where(value < 0, -0.1, 0.1)


def integers(high: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, high, shape, generator=generator)


def case(name, operation, function, *inputs, constants=(), **attributes) -> None:
    """Records one case. `constants` are positions of inputs that have no gradient; integers and booleans never have one."""
    operands = [value.double() if value.is_floating_point() else value for value in inputs]
    differentiable = [
        operand.is_floating_point() and position not in constants for position, operand in enumerate(operands)
    ]
    for operand, wanted in zip(operands, differentiable):
        if wanted:
            operand.requires_grad_()
    output = function(*operands)
    cotangent = normal(*output.shape)
    output.backward(cotangent.double())

    keys = [f"{name}/input.{position}" for position in range(len(inputs))]
    gradients = [f"{name}/gradient.{position}" if wanted else None for position, wanted in enumerate(differentiable)]
    tensors.update(zip(keys, inputs))
    tensors[f"{name}/output"] = output.float()
    tensors[f"{name}/cotangent"] = cotangent
    for key, operand in zip(gradients, operands):
        if key is not None:
            tensors[key] = operand.grad.float()
    for tensor in (tensors[key] for key in [*keys, f"{name}/output", *filter(None, gradients)]):
        assert not tensor.is_floating_point() or tensor.isfinite().all(), name
    cases.append(
        {
            "case": name,
            "operation": operation,
            "attributes": attributes,
            "inputs": keys,
            "output": f"{name}/output",
            "cotangent": f"{name}/cotangent",
            "gradients": gradients,
        }
    )


# Elementwise, two operands: equal shapes, broadcasting either way, a scalar on either side.
binary = {
    "add": (torch.add, normal),
    "subtract": (torch.sub, normal),
    "multiply": (torch.mul, normal),
    "divide": (torch.div, positive),
    "maximum": (torch.maximum, normal),
}
for operation, (function, right) in binary.items():
    case(f"{operation}-same-shape", operation, function, normal(2, 3), right(2, 3))
    case(f"{operation}-broadcast-right", operation, function, normal(2, 3, 4), right(3, 1))
    case(f"{operation}-broadcast-left", operation, function, normal(3, 1), right(2, 3, 4))
    case(f"{operation}-broadcast-both", operation, function, normal(2, 1, 4), right(3, 1))
    case(f"{operation}-scalar-right", operation, function, normal(2, 3), right())
    case(f"{operation}-scalar-left", operation, function, normal(), right(2, 3))

for exponent in (2.0, 3.0, 0.5, -1.5):
    base = normal if exponent in (2.0, 3.0) else positive
    case(f"power-{exponent:g}", "power", lambda x: x**exponent, base(2, 3), exponent=exponent)

# Elementwise, one operand.
unary = {
    "negate": (torch.neg, normal),
    "exp": (torch.exp, normal),
    "log": (torch.log, positive),
    "sqrt": (torch.sqrt, positive),
    "reciprocal": (torch.reciprocal, positive),
    "tanh": (torch.tanh, normal),
    "sigmoid": (torch.sigmoid, normal),
    "sin": (torch.sin, normal),
    "cos": (torch.cos, normal),
    "erf": (torch.erf, normal),
    "relu": (F.relu, away_from_zero),
    "abs": (torch.abs, away_from_zero),
    "silu": (F.silu, normal),
    "gelu": (F.gelu, normal),
}
for operation, (function, draw) in unary.items():
    case(operation, operation, function, draw(2, 3, 4))

case("where-same-shape", "where", torch.where, integers(2, 2, 3).bool(), normal(2, 3), normal(2, 3))
case("where-broadcast", "where", torch.where, integers(2, 3, 1).bool(), normal(2, 3, 4), normal())

# Reductions.
reductions = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.amax,
}
for operation, function in reductions.items():
    for axes, keep in (([2], False), ([-1], True), ([0, 2], False), ([1], True), ([0, 1, 2], False)):
        label = f"{operation}-axes-{'-'.join(str(axis % 3) for axis in axes)}{'-keep' if keep else ''}"
        case(label, operation, lambda x: function(x, dim=axes, keepdim=keep), normal(2, 3, 4), axes=axes, keepDims=keep)
case("l2-norm-rows", "l2Norm", lambda x: x.norm(dim=-1), normal(3, 5), axes=[-1], keepDims=False)

# Matrix products.
for transpose_a in (False, True):
    for transpose_b in (False, True):
        case(
            f"matmul-2d{'-transpose-a' if transpose_a else ''}{'-transpose-b' if transpose_b else ''}",
            "matmul",
            lambda a, b: (a.mT if transpose_a else a) @ (b.mT if transpose_b else b),
            normal(*((4, 3) if transpose_a else (3, 4))),
            normal(*((5, 4) if transpose_b else (4, 5))),
            transposeA=transpose_a,
            transposeB=transpose_b,
        )
for label, shape_a, shape_b in (
    ("3d-by-2d", (2, 3, 4), (4, 5)),
    ("4d-by-2d", (2, 2, 3, 4), (4, 5)),
    ("3d-by-3d", (2, 3, 4), (2, 4, 5)),
    ("4d-by-4d", (2, 2, 3, 4), (2, 2, 4, 5)),
    ("broadcast-batch", (2, 1, 3, 4), (3, 4, 5)),
):
    case(f"matmul-{label}", "matmul", torch.matmul, normal(*shape_a), normal(*shape_b), transposeA=False, transposeB=False)
case("matmul-3d-by-2d-transpose-b", "matmul", lambda a, b: a @ b.mT, normal(2, 3, 4), normal(5, 4), transposeA=False, transposeB=True)
case("matmul-4d-transpose-b", "matmul", lambda a, b: a @ b.mT, normal(2, 2, 3, 4), normal(2, 2, 5, 4), transposeA=False, transposeB=True)
case("matmul-3d-transpose-a", "matmul", lambda a, b: a.mT @ b, normal(2, 4, 3), normal(2, 4, 5), transposeA=True, transposeB=False)

# Shape.
case("reshape", "reshape", lambda x: x.reshape(6, 4), normal(2, 3, 4), shape=[6, 4])
case("reshape-split", "reshape", lambda x: x.reshape(2, 2, 3, 2), normal(2, 3, 4), shape=[2, 2, 3, 2])
case("transpose-2d", "transpose", lambda x: x.permute(1, 0), normal(2, 3), permutation=[1, 0])
case("transpose-3d", "transpose", lambda x: x.permute(2, 0, 1), normal(2, 3, 4), permutation=[2, 0, 1])
case("transpose-heads", "transpose", lambda x: x.permute(0, 2, 1, 3), normal(2, 3, 2, 4), permutation=[0, 2, 1, 3])
case("slice", "slice", lambda x: x[0:2, 1:3, 1:4], normal(2, 3, 5), starts=[0, 1, 1], ends=[2, 3, 4], steps=[1, 1, 1])
case("slice-steps", "slice", lambda x: x[0:2:1, 0:3:2, 1:5:2], normal(2, 3, 5), starts=[0, 0, 1], ends=[2, 3, 5], steps=[1, 2, 2])
case("slice-shifted-by-one", "slice", lambda x: x[:, :-1], normal(2, 4, 3), starts=[0, 0, 0], ends=[2, 3, 3], steps=[1, 1, 1])
case("concatenate-axis-0", "concatenate", lambda *xs: torch.cat(xs, 0), normal(1, 3), normal(2, 3), normal(3, 3), axis=0)
case("concatenate-last-axis", "concatenate", lambda *xs: torch.cat(xs, -1), normal(2, 3, 2), normal(2, 3, 4), axis=-1)
case("broadcast-to", "broadcastTo", lambda x: x.broadcast_to(2, 3, 4), normal(3, 1), shape=[2, 3, 4])
case("broadcast-to-scalar", "broadcastTo", lambda x: x.broadcast_to(2, 3), normal(), shape=[2, 3])

# Indexing. Indices repeat, so that gradients of one row must add up.
case("gather-rows", "gather", lambda x, i: x[i], normal(5, 4), torch.tensor([[1, 3, 1], [4, 1, 0]]), axis=0)
case("gather-vector", "gather", lambda x, i: x[i], normal(5), torch.tensor([2, 2, 0]), axis=0)
case("take-along", "takeAlong", lambda x, i: x.gather(-1, i), normal(2, 3, 5), torch.tensor([[[0, 0], [4, 1], [2, 2]], [[3, 0], [1, 1], [4, 4]]]), axis=-1)
case("take-along-one", "takeAlong", lambda x, i: x.gather(-1, i), normal(4, 6), torch.tensor([[5], [0], [2], [2]]), axis=-1)

# Neural-network operations.
for operation, function in (("softmax", torch.softmax), ("logSoftmax", torch.log_softmax)):
    case(f"{operation}-last-axis", operation, lambda x: function(x, -1), normal(2, 3, 5) * 3, axis=-1)
    case(f"{operation}-axis-1", operation, lambda x: function(x, 1), normal(2, 3, 5), axis=1)
    case(f"{operation}-large-values", operation, lambda x: function(x, -1), normal(2, 5) * 10 + 500, axis=-1)
case("cross-entropy", "crossEntropy", lambda x, y: F.cross_entropy(x, y, reduction="none"), normal(4, 7) * 2, torch.tensor([0, 6, 3, 3]))


def rms_norm(epsilon: float):
    return lambda x, weight: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight


case("rms-norm", "rmsNorm", rms_norm(1e-6), normal(2, 3, 8), 1 + 0.2 * normal(8), epsilon=1e-6)
case("rms-norm-large-epsilon", "rmsNorm", rms_norm(0.5), 0.1 * normal(2, 3, 8), 1 + 0.2 * normal(8), epsilon=0.5)


def rotary(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Hugging Face's layout: feature i is rotated together with feature i + headDim / 2."""
    first, second = x.chunk(2, dim=-1)
    cosine, sine = cosine[:, None], sine[:, None]
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


angles = torch.tensor([[0.0, 1, 2, 3], [2, 3, 4, 5]])[:, :, None] * torch.tensor([1.0, 0.1, 0.01])
case("rotary", "rotary", rotary, normal(2, 2, 4, 6), angles.cos(), angles.sin(), constants=(1, 2))


def attention(causal: bool):
    def run(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        groups = query.shape[1] // key.shape[1]  # query head h reads key/value head h // groups
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        scores = query @ key.mT / query.shape[-1] ** 0.5
        if causal:
            length = query.shape[-2]
            scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), float("-inf"))
        return scores.softmax(-1) @ value

    return run


for label, heads, key_heads, causal in (
    ("causal", 2, 2, True),
    ("grouped-query-causal", 4, 2, True),
    ("multi-query-causal", 3, 1, True),
    ("full", 2, 2, False),
):
    case(
        f"attention-{label}",
        "attention",
        attention(causal),
        normal(2, heads, 5, 4),
        normal(2, key_heads, 5, 4),
        normal(2, key_heads, 5, 4),
        causal=causal,
    )

case("add-along", "addAlong", lambda x, u, i: x.scatter_add(-1, i, u), normal(2, 3, 5), normal(2, 3, 2), torch.tensor([[[0, 0], [4, 1], [2, 2]], [[3, 0], [1, 1], [4, 4]]]), axis=-1)
case("cross-entropy-large-values", "crossEntropy", lambda x, y: F.cross_entropy(x, y, reduction="none"), normal(4, 7) * 20 + 500, torch.tensor([0, 6, 3, 3]))
case("swiglu", "swiglu", lambda gate, up: F.silu(gate) * up, normal(2, 3, 4) * 2, normal(2, 3, 4))
case("gelu-tanh", "geluTanh", lambda x: F.gelu(x, approximate="tanh"), normal(2, 3, 4) * 2)
case("layer-norm", "layerNorm", lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-5), 3 + 2 * normal(2, 3, 8), 1 + 0.2 * normal(8), normal(8), epsilon=1e-5)


def capped_attention(window: int, cap: float, scale: float):
    """Gemma 2's: scores capped by a hyperbolic tangent, and only the last `window` keys up to the query's own seen."""

    def run(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        scores = cap * (query @ key.mT * scale / cap).tanh()
        seen = torch.ones(query.shape[-2], query.shape[-2]).tril().triu(1 - window).bool()
        return scores.masked_fill(~seen, float("-inf")).softmax(-1) @ value

    return run


case(
    "attention-soft-capped-window",
    "attention",
    capped_attention(window=3, cap=1.5, scale=0.7),
    normal(2, 4, 6, 4),
    normal(2, 2, 6, 4),
    normal(2, 2, 6, 4),
    causal=True,
    window=3,
    softCap=1.5,
    scale=0.7,
)

case("softplus", "softplus", F.softplus, normal(2, 3, 4))

write_tensors(GOLDENS / "operations.safetensors", tensors)
write_json(GOLDENS / "operations.json", cases)
print(f"{len(cases)} cases")
