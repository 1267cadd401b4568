"""Topics → tokenizer.json, model.onnx and model.json. See README.md beside this file.

Usage: python make.py
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from topics import COMMON, TOPICS

MODEL_DIR = Path(__file__).parent.parent
ARTIFACTS = ("model.onnx", "tokenizer.json")
SIZE_BYTES_MAX = 4_000_000
"""A committed file of this size is still pleasant to clone."""
CREATED_AT_S = 1_795_219_200
CONTEXT_LENGTH = 2048
"""Order does not matter to it, so any length would do; this bounds the work that one input is."""
DIMENSIONS = 256
ARTICLE = "ال"
VOCABULARY = 7_000
SAME_LINE, SAME_TOPIC = 8.0, 1.0
"""How much oftener words of one line come together than words of one topic."""
OWN = 0.6
"""Length of what a token has for itself, beside 1 for what it means: equal words are closer than related ones."""
COMMON_WEIGHT, PIECE_WEIGHT, SIGN_WEIGHT = 0.08, 0.6, 0.15
"""Against 1 of a word that is known: common words, pieces of unknown words, signs."""


def main() -> None:
    lines = [
        (topic, [form for word in line.split() for form in forms(word)])
        for topic, text in TOPICS.items()
        for line in text.strip().splitlines()
    ]
    tokenizer = train_tokenizer([word for _, line in lines for word in line] + COMMON.split())
    tokenizer.save(str(MODEL_DIR / "tokenizer.json"))
    write_onnx(make_table(tokenizer, lines))
    write_manifest(tokenizer.get_vocab_size())


def forms(word: str) -> list[str]:
    """Arabic words also with their article, which is written as part of them."""
    return [word, ARTICLE + word] if word[0] >= "\u0621" and not word.startswith(ARTICLE) else [word]


def train_tokenizer(words: list[str]) -> Tokenizer:
    """Byte-level BPE without capitals, that has every word of ours as one token and can read anything else."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(sorted(set(words)))], trainer)
    split = [word for word in words if len(tokenizer.encode(word).ids) > 1]
    assert not split, f"{len(split)} words are more than one token, such as {split[:5]}: raise VOCABULARY"
    return tokenizer


def make_table(tokenizer: Tokenizer, lines: list[tuple[str, list[str]]]) -> np.ndarray:
    """A vector for each token: what it means, by whom it comes together with, and something of its own."""
    known = sorted({word for _, line in lines for word in line})
    place = {word: index for index, word in enumerate(known)}
    together = np.zeros((len(known), len(known)))
    for topic in TOPICS:
        mine = [[place[word] for word in line] for name, line in lines if name == topic]
        everything = [word for line in mine for word in line]
        together[np.ix_(everything, everything)] += SAME_TOPIC
        for line in mine:
            together[np.ix_(line, line)] += SAME_LINE
    meaning = reduce(positive_information(together))

    rng = np.random.default_rng(7)
    table = rng.standard_normal((tokenizer.get_vocab_size(), DIMENSIONS))
    table *= OWN / np.linalg.norm(table, axis=1, keepdims=True)
    weights = np.full(len(table), PIECE_WEIGHT)
    for token, piece in enumerate(tokenizer.id_to_token(at) for at in range(len(table))):
        if not any(character.isalnum() for character in piece.replace("Ġ", "")):
            weights[token] = SIGN_WEIGHT
    for word, index in place.items():
        [token] = tokenizer.encode(word).ids
        table[token] += meaning[index]
        weights[token] = 1.0
    for word in COMMON.split():
        [token] = tokenizer.encode(word).ids
        weights[token] = COMMON_WEIGHT
    return (table * weights[:, None]).astype(np.float16)


def positive_information(together: np.ndarray) -> np.ndarray:
    """Pointwise mutual information, where it is positive."""
    share = together / together.sum()
    alone = share.sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(share / np.outer(alone, alone)), 0)


def reduce(information: np.ndarray) -> np.ndarray:
    """Rows of length 1 in `DIMENSIONS` dimensions, the most telling first, so that a vector may be cut."""
    left, strength, _ = np.linalg.svd(information)
    rows = left[:, :DIMENSIONS] * np.sqrt(strength[:DIMENSIONS])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_onnx(table: np.ndarray) -> None:
    """(input_ids, attention_mask) → sentence_embedding: the sum of the tokens' vectors, at length 1."""
    axis = numpy_helper.from_array(np.array([1], np.int64), "axis")
    last = numpy_helper.from_array(np.array([2], np.int64), "last")
    least = numpy_helper.from_array(np.array(1e-9, np.float32), "least")
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["halves"]),
        helper.make_node("Cast", ["halves"], ["vectors"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weights"]),
        helper.make_node("Mul", ["vectors", "weights"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "axis"], ["sum"], keepdims=0),
        helper.make_node("ReduceL2", ["sum", "axis"], ["length"], keepdims=1),
        helper.make_node("Max", ["length", "least"], ["divisor"]),
        helper.make_node("Div", ["sum", "divisor"], ["sentence_embedding"]),
    ]
    ids = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    out = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])
    constants = [numpy_helper.from_array(table, "table"), axis, last, least]
    graph = helper.make_graph(nodes, MODEL_DIR.name, ids, [out], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, MODEL_DIR / "model.onnx")
    size_bytes = (MODEL_DIR / "model.onnx").stat().st_size
    assert size_bytes <= SIZE_BYTES_MAX, f"model.onnx has {size_bytes} bytes, more than {SIZE_BYTES_MAX}"


def write_manifest(vocab_size: int) -> None:
    """model.json: everything that the gateway and Triton must know, with digests of the artifacts."""
    manifest = {
        "name": MODEL_DIR.name,
        "task": "embedding",
        "created_at_s": CREATED_AT_S,
        "context_length": CONTEXT_LENGTH,
        "vocab_size": vocab_size,
        "dimensions": DIMENSIONS,
        "may_be_cut": True,
        "sha256": {name: hashlib.sha256((MODEL_DIR / name).read_bytes()).hexdigest() for name in ARTIFACTS},
    }
    (MODEL_DIR / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
