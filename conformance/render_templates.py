"""Renders chat templates as transformers does.

python3 render_templates.py CASES.json    reads [{template, messages, arguments}], prints [{text} or {error}]
"""

import json
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template


def render(case):
    try:
        template = _compile_jinja_template(case["template"])
        given = {"add_generation_prompt": False, "tools": None, "documents": None, **case["arguments"]}
        return {"text": template.render(messages=case["messages"], **given)}
    except Exception as error:  # whatever Python refuses, and why, is the answer
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    print(json.dumps([render(case) for case in cases]))
