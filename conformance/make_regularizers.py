"""Golden values and gradients of the regularizers that are terms of the loss: KL, DER and LDIFS, stated in PyTorch.

The formulas are those of the papers (Kaczér et al., arXiv 2508.06249; Buzzega et al., arXiv 2004.07211; Mukhoti et al., arXiv 2308.13320), written over
whole [batch, width, ...] tensors and plain loops over examples. Inputs are float32; values and gradients are computed in float64 from
them. Padding holds large garbage. Writes goldens/regularizers.safetensors and goldens/regularizers.json.
"""

import torch
import torch.nn.functional as F

from golden_files import GOLDENS, make_repeatable, seeded, write_json, write_tensors
from reference import ldifs_distance, padding_mask, report, target_mean

VOCABULARY, HIDDEN, LAYERS = 17, 8, 6
GARBAGE = 1e3

make_repeatable()
generator = seeded(20_250_807)
tensors: dict[str, torch.Tensor] = {}
cases: list[dict] = []


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator)


def kl_term(logits, reference, response_mask, tagged, *, direction="forward", temperature=1.0, scope="response", onlyTagged=None, lengths):
    """Mean over the tokens in scope of D(p || q); F.kl_div(log q, log p) is D(p || q)."""
    log_p, log_q = (F.log_softmax(values[:, :-1] / temperature, -1) for values in (logits, reference))
    if direction == "reverse":
        log_p, log_q = log_q, log_p
    per_token = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    mask = response_mask if scope == "response" else padding_mask(lengths, logits.shape[1])
    return target_mean(per_token, mask * tagged[:, None] if onlyTagged else mask)


def der_term(logits, reference, response_mask, tagged, *, lengths):
    """Mean over the targets of the mean squared difference of their logits, as torch's mse_loss has it."""
    per_token = F.mse_loss(logits[:, :-1], reference[:, :-1], reduction="none").mean(-1)
    return target_mean(per_token, response_mask)


def leaf(values: torch.Tensor) -> torch.Tensor:
    return values.double().requires_grad_()


def kl_case(name: str, lengths: list[int], **config) -> None:
    logits_case(name, kl_term, {"type": "kl"}, lengths, **config)


def logits_case(name: str, term, kind: dict, lengths: list[int], **config) -> None:
    width, batch = max(lengths), len(lengths)
    real = padding_mask(torch.tensor(lengths), width)
    logits, reference = normal(batch, width, VOCABULARY) * 2, normal(batch, width, VOCABULARY) * 2
    response_mask = (torch.rand(batch, width, generator=generator) < 0.6).long() * real
    response_mask[:, 1] = 1  # every example has a target
    tagged = torch.tensor([index % 2 for index in range(batch)])
    for values in (logits, reference):
        values[real == 0] = GARBAGE
    trained = leaf(logits)
    value = term(trained, reference.double(), response_mask, tagged, lengths=torch.tensor(lengths), **config)
    value.backward()
    record(name, {**kind, **config}, lengths, value)
    put(name, logits=logits, referenceLogits=reference, responseMask=response_mask, tagged=tagged)
    tensors[f"{name}/gradient.logits"] = trained.grad.float()


def ldifs_case(name: str, lengths: list[int], layers: list[int], **config) -> None:
    width, batch = max(lengths), len(lengths)
    real = padding_mask(torch.tensor(lengths), width)
    hidden = [normal(batch, width, HIDDEN) * (index + 1) for index in range(len(layers))]
    reference = [states + normal(batch, width, HIDDEN) * 0.3 for states in hidden]
    for states in (*hidden, *reference):
        states[real == 0] = GARBAGE * normal(int((real == 0).sum()), HIDDEN)
    trained = [leaf(states) for states in hidden]
    value = ldifs_distance(trained, [states.double() for states in reference], torch.tensor(lengths), **config)
    value.backward()
    record(name, {"type": "ldifs", "layers": layers, **config}, lengths, value)
    for index, layer in enumerate(layers):
        put(name, **{f"hiddenStates.{layer}": hidden[index], f"referenceHiddenStates.{layer}": reference[index]})
        tensors[f"{name}/gradient.hiddenStates.{layer}"] = trained[index].grad.float()


def record(name: str, config: dict, lengths: list[int], value: torch.Tensor) -> None:
    assert value.isfinite() and value > 0, name
    cases.append({"case": name, "config": config, "lengths": lengths, "value": value.item()})


def put(name: str, **values: torch.Tensor) -> None:
    for key, tensor in values.items():
        tensors[f"{name}/{key}"] = tensor


kl_case("kl-forward", [5, 5, 5])
kl_case("kl-forward-padded", [6, 3, 4])
kl_case("kl-reverse-padded", [6, 3, 4], direction="reverse")
kl_case("kl-temperature-padded", [6, 3, 4], temperature=2.5)
kl_case("kl-reverse-temperature", [4, 4], direction="reverse", temperature=0.5)
kl_case("kl-all-tokens-padded", [6, 3, 4], scope="all")
kl_case("kl-only-tagged-padded", [6, 3, 4, 5], onlyTagged="interleaved")

ldifs_case("ldifs", [5, 5, 5], [1, 3, 6])
ldifs_case("ldifs-padded", [6, 3, 4], [1, 3, 6])
ldifs_case("ldifs-plain-padded", [6, 3, 4], [1, 3, 6], normalise=False)
ldifs_case("ldifs-per-length-padded", [6, 3, 4], [2, 5], perLength=True)
ldifs_case("ldifs-plain-per-length-padded", [6, 1], [0, 4], normalise=False, perLength=True)

anchor = {"messages": [{"role": "user", "content": "May I?"}, {"role": "assistant", "content": "Yes."}]}
logits_case("der-padded", der_term, {"type": "der", "anchors": [anchor]}, [6, 3, 4])

write_tensors(GOLDENS / "regularizers.safetensors", tensors)
write_json(GOLDENS / "regularizers.json", {"vocabulary": VOCABULARY, "hiddenSize": HIDDEN, "layerCount": LAYERS, "cases": cases})
report({"cases": len(cases), "tensors": len(tensors)})
