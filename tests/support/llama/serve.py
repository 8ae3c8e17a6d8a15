"""A real llama.cpp server with a model that recites one text.

    python serve.py MODEL_FILE ARCHITECTURE KEY

ARCHITECTURE is llama or starcoder2. Writes the model, serves it on a free port of 127.0.0.1, says `port N` and serves until
its standard input ends. The model has one layer of zeros, and an output matrix that maps each token to its successor: the
answer to any prompt is known, while tokenizer, usage, stops and streams are the server's own.
"""

import socket
import sys

import numpy as np
from gguf import GGUFWriter, TokenType

WIDTH = 256
CONTEXT = 2048
# Each word once, and no word begins in another: a token has one successor.
TEXT = ["def", " add", "(a,", " b):", "\n", "    return", " a", " +", " b", " # ", "naïve", " → ", "漢字", " 🦀", "."]


def byte_symbols():
    """The letters that stand for bytes in vocabularies of GPT-2's kind."""
    shown = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, other = {}, 0
    for byte in range(256):
        if byte in shown:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + other)
            other += 1
    return letters


def llama_vocabulary():
    tokens, kinds, scores = [], [], []

    def add(text, kind, score=0.0):
        tokens.append(text)
        kinds.append(int(kind))
        scores.append(score)
        return len(tokens) - 1

    add("<unk>", TokenType.UNKNOWN)
    add("<s>", TokenType.CONTROL)
    end = add("</s>", TokenType.CONTROL)
    for byte in range(256):
        add(f"<0x{byte:02X}>", TokenType.BYTE)
    fim = {name: add(f"▁<{name.upper()}>", TokenType.CONTROL) for name in ("pre", "suf", "mid", "eot")}
    words = [add(word.replace(" ", "▁"), TokenType.NORMAL, -1.0 - at) for at, word in enumerate(TEXT)]
    for letter in sorted({letter for word in TEXT for letter in word.replace(" ", "▁")} | {chr(code) for code in range(33, 127)}):
        if letter not in tokens:
            add(letter, TokenType.NORMAL, -1000.0)
    return tokens, kinds, scores, [], words, end, fim


def starcoder_vocabulary():
    tokens, kinds = [], []
    letters = byte_symbols()

    def add(text, kind=TokenType.NORMAL):
        tokens.append(text)
        kinds.append(int(kind))
        return len(tokens) - 1

    end = add("<|endoftext|>", TokenType.CONTROL)
    fim = {}
    for name, text in (("pre", "<fim_prefix>"), ("mid", "<fim_middle>"), ("suf", "<fim_suffix>"), ("pad", "<fim_pad>")):
        fim[name] = add(text, TokenType.CONTROL)
    for byte in range(256):
        add(letters[byte])
    merges, words = [], []
    for word in TEXT:
        symbols = [letters[byte] for byte in word.encode()]
        made = symbols[0]
        for symbol in symbols[1:]:
            merge = f"{made} {symbol}"
            if merge not in merges:
                merges.append(merge)
            made += symbol
            if made not in tokens:
                add(made)
        words.append(tokens.index(made))
    return tokens, kinds, [], merges, words, end, fim


def write(path, architecture):
    is_llama = architecture == "llama"
    tokens, kinds, scores, merges, words, end, fim = llama_vocabulary() if is_llama else starcoder_vocabulary()
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_rope_dimension_count(WIDTH // 4)
    writer.add_vocab_size(len(tokens))
    (writer.add_layer_norm_rms_eps if is_llama else writer.add_layer_norm_eps)(1e-5)
    writer.add_tokenizer_model("llama" if is_llama else "gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if is_llama:
        writer.add_token_scores(scores)
    else:
        writer.add_tokenizer_pre("starcoder")
        writer.add_token_merges(merges)
    writer.add_bos_token_id(1 if is_llama else end)
    writer.add_eos_token_id(end)
    for name, key in (("pre", "fim_pre"), ("suf", "fim_suf"), ("mid", "fim_mid"), ("eot", "eot")):
        if name in fim:
            writer.add_uint32(f"tokenizer.ggml.{key}_token_id", fim[name])
    writer.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")

    chance = np.random.default_rng(1)
    embedding = chance.standard_normal((len(tokens), WIDTH)).astype(np.float32)
    embedding[:, 0] = 0
    embedding *= (WIDTH - 16) ** 0.5 / np.linalg.norm(embedding, axis=1, keepdims=True)
    # What all tokens share: whatever has no successor goes to the first word.
    embedding[:, 0] = 4
    output = np.zeros((len(tokens), WIDTH), dtype=np.float32)
    output[words[0], 0] = 3
    for before, after in zip(words, words[1:] + [end]):
        direction = embedding[before].copy()
        direction[0] = 0
        output[after] += np.float32(30 / WIDTH) * direction
    zeros = lambda *shape: np.zeros(shape, dtype=np.float32)
    ones = lambda *shape: np.ones(shape, dtype=np.float32)
    tensors = {
        "token_embd.weight": embedding.astype(np.float32),
        "output.weight": output,
        "output_norm.weight": ones(WIDTH),
        "blk.0.attn_norm.weight": ones(WIDTH),
        "blk.0.ffn_norm.weight": ones(WIDTH),
        **{f"blk.0.{name}.weight": zeros(WIDTH, WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down")},
    }
    if is_llama:
        tensors["blk.0.ffn_gate.weight"] = zeros(WIDTH, WIDTH)
    else:
        tensors["output_norm.bias"] = zeros(WIDTH)
        for name in ("attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"):
            tensors[f"blk.0.{name}.bias"] = zeros(WIDTH)
    for name, tensor in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(tensor, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path, alias, key):
    import xllamacpp

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {alias}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT * 4
    params.n_parallel = 4
    params.warmup = False
    params.endpoint_metrics = params.endpoint_slots = params.endpoint_props = True
    params.api_keys = [key]
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    print(f"port {port}", flush=True)
    sys.stdin.read()
    del server


if __name__ == "__main__":
    file, architecture, secret = sys.argv[1:]
    write(file, architecture)
    serve(file, {"llama": "codellama-7b", "starcoder2": "starcoder2-3b"}[architecture], secret)
