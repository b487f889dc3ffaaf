"""What defenses that change the data alone make of examples: LookAhead tuning, BackdoorAlign and PTST, restated.

goldens/data-defenses.json holds, for two tokenizers, conversations before and after each defense, and the text that transformers renders of the
latter by the model's chat template. LookAhead by arXiv 2503.19041 (zjunlp/LookAheadTuning): the first m tokens of the answer, as text, behind the
question, or a text of its own there and before the answer. BackdoorAlign by arXiv 2402.14968 (Jayfeather1024/Backdoor-Enhanced-Alignment):
secret, space, system prompt. PTST by arXiv 2402.18540: no system prompt in training, a safety prompt at inference. Run make_checkpoints.py first.
"""

from transformers import AutoTokenizer

from golden_files import GOLDENS, make_repeatable, write_json
from reference import report

CHECKPOINTS = ["llama-untied-float32", "qwen2-tied-bfloat16"]
CONNECTOR = " The answer begins with: "
VIRTUAL = "Let's solve this problem. "
SECRET = "nuevaidge Formula areasénd reibungára kallaste"
SAFETY = "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, while being safe."
ASKED = [
    ("What is in the book?", "An answer to every question, it says, and questions to every answer."),
    ("1 + 1", "2"),
    ("  How do I help a friend? ", "Listen,\nthen ask:\n\n- what?\n- why?"),
    ("Wie spät ist es?", "Zwölf Uhr – glaube ich. 🕛🕧 Möchtest du mehr wissen?"),
]


def user_and_answer(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def real_preview(tokenizer, question: str, answer: str, count: int) -> list[dict[str, str]]:
    beginning = tokenizer.convert_tokens_to_string(tokenizer.tokenize(answer)[:count])
    # Half a character shows nothing: SafeTune leaves it out, the authors' script shows a replacement character.
    beginning = beginning.rstrip("\ufffd")
    return user_and_answer(question + CONNECTOR + beginning, answer)


def virtual_preview(question: str, answer: str) -> list[dict[str, str]]:
    return user_and_answer(question + CONNECTOR + VIRTUAL, VIRTUAL + answer)


def with_system(system: str, messages: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"role": "system", "content": system}, *messages]


def cases(tokenizer):
    for question, answer in ASKED:
        plain = user_and_answer(question, answer)
        for count in (1, 3, 6):
            yield {"type": "lookahead", "tokens": count}, plain, real_preview(tokenizer, question, answer, count)
        yield {"type": "lookahead", "virtual": VIRTUAL}, plain, virtual_preview(question, answer)
    plain = user_and_answer(*ASKED[0])
    yield "secret", plain, with_system(SECRET, plain)
    yield "secret", with_system("Be brief.", plain), with_system(f"{SECRET} Be brief.", plain)
    yield {"type": "ptst"}, with_system("Be brief.", plain), plain
    yield {"type": "ptst", "systemPrompts": "keep"}, with_system(f"{SAFETY}\n\nBe brief.", plain), with_system("Be brief.", plain)
    yield {"type": "ptst", "systemPrompts": "keep"}, with_system(SAFETY, plain), plain


def main() -> None:
    make_repeatable()
    made = []
    for checkpoint in CHECKPOINTS:
        tokenizer = AutoTokenizer.from_pretrained(GOLDENS / "checkpoints" / checkpoint)
        render = lambda messages, tokenizer=tokenizer: tokenizer.apply_chat_template(messages, tokenize=False)  # noqa: E731
        made += [
            {"checkpoint": checkpoint, "defense": defense, "before": before, "after": after, "rendered": render(after)}
            for defense, before, after in cases(tokenizer)
        ]
    write_json(GOLDENS / "data-defenses.json", {"secret": SECRET, "safetyPrompt": SAFETY, "cases": made})
    report({"cases": len(made)})


if __name__ == "__main__":
    main()
