"""Token ids and the assistant's mask as transformers gives them, for a tokenizer folder and its chat template.

python3 verify_masks.py FOLDER CASES.json    reads [{messages, tools, templateArguments}], prints [{tokenIds, mask} or {error}]
"""

import json
import pathlib
import sys

from transformers import AutoTokenizer

folder, cases = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)


def answer(case):
    try:
        found = tokenizer.apply_chat_template(
            case["messages"],
            tools=case.get("tools"),
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            **case.get("templateArguments", {}),
        )
    except Exception as error:  # whatever Python refuses, and why, is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    return {"tokenIds": found["input_ids"], "mask": found["assistant_masks"]}


print(json.dumps([answer(case) for case in json.loads(pathlib.Path(cases).read_text())]))
