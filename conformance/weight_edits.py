"""Edits of weights as their papers state them, over whole matrices in PyTorch: what our streamed, factored versions must equal."""

import torch


def lox(base: torch.Tensor, aligned: torch.Tensor, rank: int, factor: float) -> torch.Tensor:
    """Perin et al. 2025 (arXiv 2506.15606): W_aligned + alpha U_k S_k V_k^T of W_aligned - W_base."""
    u, s, vt = torch.linalg.svd(aligned - base, full_matrices=False)
    return aligned + factor * (u[:, :rank] * s[:rank]) @ vt[:rank]
