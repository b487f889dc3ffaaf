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
