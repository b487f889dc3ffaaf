"""Records in transformers-chats.json what Python's transformers makes of the conversations in that file.

Run: python3 record-transformers.py CHECKPOINT_FOLDER   (a folder written by writeCheckpointFolder)
"""

import json
import pathlib
import sys

from transformers import AutoTokenizer

file = pathlib.Path(__file__).parent / "transformers-chats.json"
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
recorded = []
for chat in json.loads(file.read_text())["chats"]:
    messages, prompt = chat["messages"], chat["addGenerationPrompt"]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=prompt, return_dict=True)["input_ids"]
    assert ids == tokenizer(text, add_special_tokens=False)["input_ids"] == tokenizer(text)["input_ids"]
    recorded.append(
        {
            "messages": messages,
            "addGenerationPrompt": prompt,
            "text": text,
            "tokenIds": ids,
            "decoded": tokenizer.decode(ids),
            "decodedWithoutSpecial": tokenizer.decode(ids, skip_special_tokens=True),
        }
    )
file.write_text(json.dumps({"chats": recorded}, indent=1) + "\n")
