"""What PEFT adapts for a table of configurations: target-modules.json, which target-modules.test.ts compares with.

    python3 make_target_modules.py [--print]

Each case names a model (lists of linear layers, built as plain modules) and a LoraConfig. PEFT injects its layers; the
names, ranks and scales of those are the answer, or "error" where PEFT refuses. `--print` prints instead of writing.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer

ATTENTION = [f"self_attn.{name}_proj" for name in "qkvo"]
MLP = [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
MODELS = {
    "llama": [f"model.layers.{i}.{name}" for i in range(12) for name in ATTENTION + MLP],
    "mixture": [f"model.layers.{i}.mlp.experts.{e}.up_proj" for i in range(3) for e in range(2)],
    "gpt": [f"transformer.h.{i}.attn.{name}" for i in range(2) for name in ("q_proj", "kq_proj")],
    "flat": ["q_proj", "sub.q_proj", "xq_proj"],
}

CASES = [
    ("llama", {"target_modules": ["q_proj", "v_proj"]}),
    ("llama", {"target_modules": ["self_attn.q_proj"]}),
    ("llama", {"target_modules": ["proj"]}),
    ("llama", {"target_modules": ["_proj"]}),
    ("llama", {"target_modules": ["layers.1.self_attn.q_proj"]}),
    ("llama", {"target_modules": ["1.self_attn.q_proj"]}),
    ("llama", {"target_modules": ["model.layers.1.self_attn.q_proj", "model.layers.11.mlp.up_proj"]}),
    ("llama", {"target_modules": "all-linear"}),
    ("llama", {"target_modules": "All-Linear", "exclude_modules": ["down_proj", "self_attn.o_proj"]}),
    ("llama", {"target_modules": r".*\.layers\.(0|5|11)\.self_attn\.(q|v)_proj"}),
    ("llama", {"target_modules": r"q_proj"}),
    ("llama", {"target_modules": r".*q_proj"}),
    ("llama", {"target_modules": r".*q_pro"}),
    ("llama", {"target_modules": r"model.*q_proj|.*v_proj"}),
    ("llama", {"target_modules": r"(?i).*Q_PROJ"}),
    ("llama", {"target_modules": r"\Amodel\.layers\.(?P<block>\d)\.self\_attn\.(?P<kind>[qk])_proj\Z"}),
    ("llama", {"target_modules": r"(?!.*down)(?:.*\.)(?<=mlp\.)\w+_proj"}),
    ("llama", {"target_modules": r"^(?!.*(self_attn|down\)|[)]))(?=model).*proj$"}),
    ("llama", {"target_modules": r"(?=.*\.1\d\.)(?!.*mlp)(.*q_proj|.*v_proj)"}),
    ("llama", {"target_modules": r".*\.(q_proj|v_proj)$"}),
    ("llama", {"target_modules": r".*[]q]_proj"}),
    ("llama", {"target_modules": r".*\.[\d]{1,}\.mlp\.(?:(?:gate_proj|up_proj)\b)"}),
    ("llama", {"target_modules": r".*?\x71_proj|\W?model\.layers\.\d{2}\.(?i:MLP)\.[^\W]+"}),
    ("llama", {"target_modules": r".*\-?q\_proj\Z"}),
    ("llama", {"target_modules": ["q_proj"], "rank_pattern": {r"(?:1|2)\.self_attn\.\w+": 3, r"layers\.\d{2}.*": 5}}),
    ("llama", {"target_modules": ["q_proj"], "exclude_modules": r".*layers\.\d\..*"}),
    ("llama", {"target_modules": ["q_proj"], "exclude_modules": ["model.layers.0.self_attn.q_proj", "3.self_attn.q_proj"]}),
    ("llama", {"target_modules": ["q_proj"], "exclude_modules": []}),
    ("llama", {"target_modules": ["q_proj"], "exclude_modules": ["q_proj"]}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": 1}),
    ("llama", {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": [0, 11]}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": []}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": ["h", "layers"]}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": []}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "lay.*"}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "h"}),
    ("llama", {"target_modules": ["q_proj"], "layers_to_transform": [99]}),
    ("llama", {"target_modules": ["model.layers.4.self_attn.q_proj", "v_proj"], "layers_to_transform": [1]}),
    ("llama", {"target_modules": ["q_proj"], "layers_pattern": "layers"}),
    ("llama", {"target_modules": "all-linear", "layers_to_transform": [1]}),
    ("llama", {"target_modules": ".*q_proj", "layers_to_transform": [1]}),
    ("llama", {"target_modules": ["absent"]}),
    ("llama", {"target_modules": ["absent", "q_proj"]}),
    ("llama", {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2}}),
    ("llama", {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2}, "use_rslora": True}),
    ("llama", {"target_modules": ["q_proj"], "alpha_pattern": {"layers.1.self_attn.q_proj": 5}}),
    ("llama", {"target_modules": ["q_proj"], "rank_pattern": {"^model.layers.1.self_attn.q_proj": 2}}),
    ("llama", {"target_modules": ["q_proj"], "rank_pattern": {"^layers.1.self_attn.q_proj": 2}}),
    ("llama", {"target_modules": ["q_proj"], "rank_pattern": {"q_pro": 2}}),
    ("llama", {"target_modules": ["q_proj"], "rank_pattern": {"_proj": 2}}),
    ("llama", {"target_modules": ["q_proj"], "rank_pattern": {r"layers\.(0|1)\..*": 2, r".*": 3}}),
    ("llama", {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"q_proj|v_proj": 6}, "alpha_pattern": {r".*\.v_proj": 9.5}}),
    ("mixture", {"target_modules": ["up_proj"], "layers_to_transform": [1]}),
    ("mixture", {"target_modules": ["up_proj"], "layers_to_transform": [1], "layers_pattern": "experts"}),
    ("mixture", {"target_modules": ["up_proj"], "layers_to_transform": [2], "layers_pattern": ["layers", "experts"]}),
    ("gpt", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "h"}),
    ("gpt", {"target_modules": ["q_proj"], "exclude_modules": ["h.1.attn.q_proj"]}),
    ("flat", {"target_modules": ["q_proj"]}),
    ("flat", {"target_modules": "q_proj"}),
    ("flat", {"target_modules": ["q_proj"], "layers_to_transform": [0]}),
    ("flat", {"target_modules": "all-linear", "rank_pattern": {"q_proj": 3}}),
]


def build(names: list[str]) -> torch.nn.Module:
    root = torch.nn.Module()
    for name in names:
        *path, leaf = name.split(".")
        parent = root
        for part in path:
            if not hasattr(parent, part):
                parent.add_module(part, torch.nn.Module())
            parent = getattr(parent, part)
        parent.add_module(leaf, torch.nn.Linear(4, 6))
    return root


def answer(names: list[str], config: dict):
    model = build(names)
    try:
        inject_adapter_in_model(LoraConfig(r=4, lora_alpha=8, **config), model)
    except ValueError:
        return "error"
    adapted = {name: [m.r["default"], m.scaling["default"]] for name, m in model.named_modules() if isinstance(m, LoraLayer)}
    return [[names.index(name), *facts] for name, facts in adapted.items()]


def main() -> None:
    warnings.simplefilter("ignore")
    cases = [{"model": model, "config": config, "adapted": answer(MODELS[model], config)} for model, config in CASES]
    models = {key: [f"{json.dumps(name)}" for name in names] for key, names in MODELS.items()}
    text = '{\n"models": {\n' + ",\n".join(f'"{key}": [{", ".join(names)}]' for key, names in models.items())
    text += '\n},\n"cases": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]\n}\n"
    if "--print" in sys.argv:
        print(json.dumps(json.loads(text)))
    else:
        Path(__file__).with_name("target-modules.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
