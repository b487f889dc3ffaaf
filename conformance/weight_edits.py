"""Edits of weights as their papers state them, over whole matrices in PyTorch: what our streamed, factored versions must equal."""

import torch


def lox(base: torch.Tensor, aligned: torch.Tensor, rank: int, factor: float) -> torch.Tensor:
    """Perin et al. 2025 (arXiv 2506.15606): W_aligned + alpha U_k S_k V_k^T of W_aligned - W_base."""
    u, s, vt = torch.linalg.svd(aligned - base, full_matrices=False)
    return aligned + factor * (u[:, :rank] * s[:rank]) @ vt[:rank]


def safe_lora_cosine(a: torch.Tensor, b: torch.Tensor, v: torch.Tensor) -> float:
    """cos(C B A, B A) to five decimals, C = V V^T / ||V||_F, or 0 where V is 0, as SafeMERGE's code has it."""
    norm = torch.norm(v)
    c = torch.zeros(len(v), len(v)) if norm < 1e-9 else v @ v.t() / norm
    cosine = torch.nn.functional.cosine_similarity((c @ b @ a).reshape(1, -1), (b @ a).reshape(1, -1))
    return round(cosine.item(), 5)


def safe_merge(model, target, v: torch.Tensor, threshold: float, share: float, combination_type: str, rank: int) -> tuple[torch.Tensor, float]:
    """Djuhera et al. 2025 (arXiv 2503.17239) on one layer of peft's with the adapters 'default' and 'safe': the update, the cosine."""
    a, b = target.lora_A["default"].weight.data, target.lora_B["default"].weight.data
    cosine = safe_lora_cosine(a, b, v)
    weights = [1 - share, share] if cosine < threshold else [1.0, 0.0]
    if combination_type == "svd":
        names = ["default", "safe"]
        updates = [target.scaling[name] * target.lora_B[name].weight.data @ target.lora_A[name].weight.data for name in names]
        u, s, vt = torch.linalg.svd(weights[0] * updates[0] + weights[1] * updates[1], full_matrices=False)
        return (u[:, :rank] * s[:rank]) @ vt[:rank], cosine
    merged_a, merged_b = model.base_model._generalized_task_arithmetic_weighted_adapter(combination_type, ["default", "safe"], weights, target, None, "total")
    return merged_b @ merged_a, cosine


def layer_inputs(model, examples: list[tuple[list[int], int, int]], names: list[str]) -> dict[str, torch.Tensor]:
    """What goes into linear layers at the places start to end of each example, [tokens, in], by forward hooks."""
    caught: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    modules = dict(model.named_modules())
    for ids, start, end in examples:
        handles = [
            modules[name].register_forward_hook(lambda _module, inputs, _output, name=name: caught[name].append(inputs[0][0, start:end]))
            for name in names
        ]
        with torch.no_grad():
            model(input_ids=torch.tensor([ids]))
        for handle in handles:
            handle.remove()
    return {name: torch.cat(rows).double() for name, rows in caught.items()}


def salora_projector(weight: torch.Tensor, inputs: torch.Tensor, rank: int) -> torch.Tensor:
    """Li et al. 2025 (arXiv 2501.01765): U U^T of the leading left singular vectors of W X, [out, out]."""
    u, _, _ = torch.linalg.svd(weight.double() @ inputs.T, full_matrices=False)
    return u[:, :rank] @ u[:, :rank].T


def safe_delta(aligned: torch.Tensor, tuned: torch.Tensor, inputs: torch.Tensor, samples: int, scale: float, block: int = 2048) -> tuple[torch.Tensor, torch.Tensor]:
    """Lu et al. 2025 (arXiv 2505.12038) as their code has it: the weights, and which of the tuned ones were taken.

    H = 2 / samples X^T X, its diagonal raised by a hundredth of its mean; U^T U = H^-1 and d the diagonal of U. In each block of
    columns, tuned weights are taken column by column from the smallest 1 / d^2 on, while the sum of (w_tuned - w)^2 / d^2 stays
    within scale / 2 rows / 4096 mean(1 / d^2), and never the last 15 per cent; what each changes in the outputs is then
    made up for in the columns behind it, four at a time.
    """
    weights, tuned = aligned.double().clone(), tuned.double()
    rows, columns = weights.shape
    hessian = 2 / samples * inputs.T @ inputs
    hessian.diagonal()[hessian.diagonal() == 0] = 1
    hessian.diagonal().add_(0.01 * hessian.diagonal().mean())
    factor = torch.linalg.cholesky(torch.linalg.inv(hessian), upper=True)
    taken = torch.zeros(rows, columns, dtype=torch.bool)
    for first in range(0, columns, block):
        last = min(first + block, columns)
        d = factor.diagonal()[first:last]
        importance = (1 / d**2).expand(rows, -1)
        loss = ((tuned - weights)[:, first:last] / d) ** 2
        order = importance.flatten().argsort(stable=True)
        order = order[: len(order) - int(0.15 * len(order))]
        within = loss.flatten()[order].cumsum(0) <= importance.mean() * scale / 2 * rows / 4096
        taken[:, first:last] = torch.zeros(rows * (last - first), dtype=torch.bool).index_fill(0, order[within], True).reshape(rows, -1)
        errors = torch.zeros(rows, last - first, dtype=torch.float64)
        for start in range(first, last, 4):
            end = min(start + 4, last)
            now = torch.where(taken[:, start:end], tuned[:, start:end], weights[:, start:end])
            error = (weights[:, start:end] - now) / factor.diagonal()[start:end]
            errors[:, start - first : end - first] = error
            weights[:, start:end] = now
            weights[:, end:last] -= error @ factor[start:end, end:last]
        weights[:, last:] -= errors @ factor[first:last, last:]
    return weights, taken
