"""What transformers marks as the assistant's (return_assistant_tokens_mask), for templates with {% generation %} blocks.

python3 make_masks.py              writes goldens/masks.json, for templates/marked
python3 make_masks.py FILE.jinja…  prints the same for these templates, for which there may be no goldens
python3 make_masks.py --trl        prints it for the templates that trl's assistant-only loss takes in the place of models' own, with their texts
"""

import itertools
import json
import pathlib
import sys

from transformers.utils.chat_template_utils import render_jinja_template

here = pathlib.Path(__file__).parent
tokens = {"bos_token": "<s>", "eos_token": "</s>"}


def marked(template, conversation):
    """The text, and the parts of it that stand in generation blocks; or that Python refuses."""
    given = {**tokens, **conversation.get("templateArguments", {})}
    try:
        texts, spans = render_jinja_template(
            [conversation["messages"]],
            tools=conversation.get("tools"),
            chat_template=template,
            return_assistant_tokens_mask=True,
            **given,
        )
    except Exception as error:  # whatever Python refuses, and why, is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    marks = [False] * len(texts[0])
    for start, end in spans[0]:
        marks[start:end] = [True] * (end - start)
    runs = itertools.groupby(range(len(marks)), marks.__getitem__)
    return {"text": texts[0], "generated": ["".join(texts[0][place] for place in places) for mark, places in runs if mark]}


def answers(files):
    conversations = json.loads((here / "templates" / "conversations.json").read_text())
    return [
        {"template": file.stem, "conversation": conversation["name"], **marked(file.read_text(), conversation)}
        for file in files
        for conversation in conversations
    ]


def of_trl():
    """trl's templates, which of them it trains with for which of models', and what of conversations it trains."""
    import trl
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    folder = pathlib.Path(trl.__file__).parent / "chat_templates"
    templates = {file.stem: file.read_text() for file in sorted(folder.glob("*.jinja"))}
    names = {text: name for name, text in templates.items()}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>")), **tokens)
    training = {}
    for name, text in templates.items():
        tokenizer.chat_template = text
        try:
            patched = trl.chat_template_utils.get_training_chat_template(tokenizer)
        except Exception:  # a template that trl cannot train with, or a processor's
            continue
        if patched is not None:
            training[name] = names[patched]
    files = [folder / f"{name}.jinja" for name in sorted(set(training.values()))]
    return {"version": trl.__version__, "templates": templates, "training": training, "answers": answers(files)}


def main(arguments):
    if arguments == ["--trl"]:
        print(json.dumps(of_trl()))
    elif arguments:
        print(json.dumps(answers(pathlib.Path(file) for file in arguments)))
    else:
        files = sorted(file for file in (here / "templates" / "marked").glob("*.jinja") if ".plain" not in file.name)
        lines = ",\n".join(json.dumps(answer, ensure_ascii=False) for answer in answers(files))
        (here / "goldens" / "masks.json").write_text(f"[\n{lines}\n]\n")
        print(json.dumps({"written": "goldens/masks.json"}))


main(sys.argv[1:])
