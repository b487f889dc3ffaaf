"""The generation of programs/generate.ts with llama.cpp (Python package xllamacpp), one text at a time.

    python3 llama_cpp.py '{"directory": ..., "cacheDirectory": ..., "batch": 1, "promptTokens": 32,
                           "newTokens": 128, "threads": 2, "precision": "F16", "warmUp": 1, "steps": 3}'

The GGUF file is written into the cache when it is not there yet. Prints one JSON line per step: {type, seconds,
cpuSeconds, peakBytes}; see programs/lines.ts.
"""
import json
import os
import resource
import sys
import time
from pathlib import Path

started = time.perf_counter()
settings = json.loads(sys.argv[1])


def say(**line):
    print(json.dumps(line), flush=True)


try:
    import gguf
    import torch
    import xllamacpp
    from safetensors.torch import load_file
except ImportError as error:
    say(type="unavailable", reason=f"Python lacks {error.name}")
    sys.exit(0)

directory = Path(settings["directory"])
config = json.loads((directory / "config.json").read_text())
if config["model_type"] != "llama":
    say(type="unavailable", reason=f"no GGUF is written here for {config['model_type']}")
    sys.exit(0)
heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]


def gguf_name(name):
    """The name of a tensor of a Hugging Face checkpoint in GGUF files."""
    known = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    if name in known:
        return known[name]
    _, _, layer, rest = name.split(".", 3)
    parts = {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    return f"blk.{layer}.{parts[rest.removesuffix('.weight')]}.weight"


def pair_wise(matrix, count):
    """llama.cpp turns neighbouring features of queries and keys, Hugging Face those half a head apart."""
    rows, columns = matrix.shape
    return matrix.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(path, kind):
    writer = gguf.GGUFWriter(path, "llama")
    rope = config.get("rope_parameters") or config
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    # Texts are given and taken as token ids: what the tokens look like does not matter.
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([f"t{token}" for token in range(config["vocab_size"])])
    writer.add_token_types([gguf.TokenType.NORMAL] * config["vocab_size"])
    writer.add_token_merges(["t 0"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, tensor in load_file(directory / "model.safetensors").items():
        values = tensor.to(torch.float32).numpy()
        if name.endswith("q_proj.weight"):
            values = pair_wise(values, heads)
        if name.endswith("k_proj.weight"):
            values = pair_wise(values, key_heads)
        stored = kind if values.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(gguf_name(name), gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


cache = Path(settings["cacheDirectory"])
path = cache / f"{directory.name}-{settings['precision']}.gguf"
if not path.exists():
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    write_gguf(unfinished, gguf.GGMLQuantizationType[settings["precision"]])
    unfinished.rename(path)
    started = time.perf_counter()

parameters = xllamacpp.CommonParams()
parameters.model.path = str(path)
parameters.cpuparams.n_threads = settings["threads"]
parameters.cpuparams_batch.n_threads = settings["threads"]
parameters.n_ctx = settings["promptTokens"] + settings["newTokens"] + 64
parameters.n_parallel = 1
parameters.verbosity = 0
parameters.n_gpu_layers = 0
server = xllamacpp.Server(parameters)
made = 0


def step():
    global made
    index, made = made, made + 1
    count = settings["promptTokens"]
    prompt = [(index * 104_729 + at * 7919 + 17) % config["vocab_size"] for at in range(count)]
    found = server.handle_completions(
        {"prompt": prompt, "n_predict": settings["newTokens"], "temperature": 0, "ignore_eos": True, "cache_prompt": False, "return_tokens": True}
    )
    return found


say(type="ready", seconds=time.perf_counter() - started)
for index in range(-settings["warmUp"], settings["steps"]):
    wall, cpu = time.perf_counter(), time.process_time()
    found = step()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    if index < 0:
        print(json.dumps(found)[:2000], file=sys.stderr)
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        say(type="step", seconds=seconds, cpuSeconds=cpu_seconds, peakBytes=peak)
sys.stdout.flush()
os._exit(0)
