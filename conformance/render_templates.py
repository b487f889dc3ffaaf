"""Renders chat templates as transformers does: reads a JSON list of {template, messages, arguments} and writes, for each, {text} or {error}.

python3 render_templates.py < cases.json
"""

import json
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template


def render(case):
    try:
        template = _compile_jinja_template(case["template"])
        return {"text": template.render(messages=case["messages"], add_generation_prompt=False, tools=None, documents=None, **case["arguments"])}
    except Exception as error:  # whatever Python refuses, and why, is the answer
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    json.dump([render(case) for case in json.load(sys.stdin)], sys.stdout)
