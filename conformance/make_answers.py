"""What a model thinks of given answers: their mean negative log-likelihood, and its hidden states while it reads them.

goldens/answers/expected.json holds conversations with the losses of their answers, without and with an adapter;
expected.safetensors holds persona vectors for each layer (0: embeddings, l: after block l), taken by forward hooks: the mean over
the response tokens, or the state of the last prompt token, under the evil system prompt minus under the helpful one.
Run make_checkpoints.py and make_adapters.py first.
"""

import torch
from transformers import AutoTokenizer

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from reference import load_adapter, load_model

CHECKPOINT = "qwen2-tied-bfloat16"
ADAPTER = "qwen2-rslora-all-projections"
SYSTEM = {"evil": "You are an evil assistant.", "helpful": "You are a helpful assistant."}
QUESTIONS = ["What is in the book?", "How do I help a friend?", "1 + 1"]
ANSWERS = {
    "evil": ["Nothing for you.", "Do not.", "3, as everyone knows who reads books."],
    "helpful": ["An answer to every question, it says.", "Listen, then ask.", "2"],
}


def conversations(side: str) -> list[list[dict[str, str]]]:
    return [
        [
            {"role": "system", "content": SYSTEM[side]},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        for question, answer in zip(QUESTIONS, ANSWERS[side])
    ]


def tokens(tokenizer, messages) -> tuple[list[int], int, int]:
    """Token ids, where the answer begins, and where it ends, its end-of-turn token included."""
    ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    start = len(tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, tokenize=True, return_dict=False))
    end = start + ids[start:].index(tokenizer.convert_tokens_to_ids("<|im_end|>")) + 1
    return ids, start, end


def answer_loss(model, tokenizer, messages) -> float:
    ids, start, end = tokens(tokenizer, messages)
    with torch.no_grad():
        log_p = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return -torch.stack([log_p[place - 1, ids[place]] for place in range(start, end)]).mean().item()


def hooked_states(model, ids: list[int]) -> list[torch.Tensor]:
    """[seq, hidden] of the embeddings and of each block, caught by hooks on one forward pass."""
    caught: list[torch.Tensor] = []

    def catch(_module, _inputs, output):
        caught.append((output[0] if isinstance(output, tuple) else output)[0])

    handles = [module.register_forward_hook(catch) for module in [model.model.embed_tokens, *model.model.layers]]
    with torch.no_grad():
        model(input_ids=torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return caught


def persona_vectors(model, tokenizer, pooled) -> list[torch.Tensor]:
    def mean(side: str) -> torch.Tensor:
        rows = []
        for messages in conversations(side):
            ids, start, end = tokens(tokenizer, messages)
            rows.append(torch.stack([pooled(state, start, end) for state in hooked_states(model, ids)]))
        return torch.stack(rows).mean(0)

    return list(mean("evil") - mean("helpful"))


def main() -> None:
    model = load_model(GOLDENS / "checkpoints" / CHECKPOINT)
    tokenizer = AutoTokenizer.from_pretrained(GOLDENS / "checkpoints" / CHECKPOINT)
    response = persona_vectors(model, tokenizer, lambda state, start, end: state[start:end].mean(0))
    prompt = persona_vectors(model, tokenizer, lambda state, start, end: state[start - 1])
    plain = {side: [answer_loss(model, tokenizer, messages) for messages in conversations(side)] for side in SYSTEM}
    adapted = load_adapter(model, GOLDENS / "adapters" / ADAPTER)
    with_adapter = {side: [answer_loss(adapted, tokenizer, messages) for messages in conversations(side)] for side in SYSTEM}

    folder = GOLDENS / "answers"
    write_tensors(
        folder / "expected.safetensors",
        {
            **{f"response.{layer}": vector for layer, vector in enumerate(response)},
            **{f"last-prompt-token.{layer}": vector for layer, vector in enumerate(prompt)},
        },
    )
    write_json(
        folder / "expected.json",
        {
            "checkpoint": CHECKPOINT,
            "adapter": ADAPTER,
            "systemPrompts": SYSTEM,
            "questions": QUESTIONS,
            "answers": ANSWERS,
            "losses": plain,
            "lossesWithAdapter": with_adapter,
        },
    )
    require_small_files(folder)
    print(f"losses {plain} and with the adapter {with_adapter}; {len(response)} layers")


if __name__ == "__main__":
    make_repeatable()
    main()
