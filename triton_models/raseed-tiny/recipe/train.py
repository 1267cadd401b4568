"""Corpus → tokenizer → trained Llama, all on the CPU and with one fixed seed. See README.md beside this file.

Usage: python train.py WORK_DIR [STEPS]; writes WORK_DIR/tokenizer.json and WORK_DIR/hf (for export.py).
"""

from __future__ import annotations

import json
import math
import sys
import time
from itertools import islice
from pathlib import Path

import torch
from corpus import conversations
from jinja2 import Environment
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 20_480
VOCABULARY = 880
"""Keeps the fp32 file below 4 MB: embedding and head together are a quarter of all parameters."""
CONTEXT = 1024
STEPS = 2_000
"""0.34 s each on two free cores. After 900 a model spoke as well but did not copy from its prompt."""
SPECIALS = ["<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
BEGIN, END, ASSISTANT = 0, 1, 4
"""Positions in SPECIALS; special tokens get the first ids."""
ENVIRONMENT = Environment(trim_blocks=True, lstrip_blocks=True)
ENVIRONMENT.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
TEMPLATE = ENVIRONMENT.from_string((Path(__file__).parent.parent / "chat_template.jinja").read_text("utf-8"))
OTHER_WEIGHT = 0.1
"""Loss weight of what the model does not write itself; some of it, so that prompts are understood."""


def render(conversation: dict) -> str:
    """One training document; it ends with the end token of the last answer."""
    return TEMPLATE.render(**conversation)


def build_tokenizer() -> Tokenizer:
    """Byte-level BPE; digits stand alone so that numbers are read digit by digit."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # `say` and `count` repeat; 6,000 documents are enough for every merge that matters.
    tokenizer.train_from_iterator((render(c) for c in islice(conversations(SEED), 6_000)), trainer)
    return tokenizer


def pack(tokenizer: Tokenizer, token_count: int) -> torch.Tensor:
    """One long row of documents, each beginning with <|begin|>."""
    stream, ids = conversations(SEED + 1), []
    while len(ids) < token_count:
        for encoding in tokenizer.encode_batch([render(c) for c in islice(stream, 512)]):
            ids += encoding.ids
    return torch.tensor(ids[:token_count])


def weights_of(tokens: torch.Tensor) -> torch.Tensor:
    """1 for every token of an assistant's turn including its end, OTHER_WEIGHT for all others."""
    writing, weights = False, []
    for token in tokens.tolist():
        weights.append(1.0 if writing else OTHER_WEIGHT)
        writing = token == ASSISTANT or (writing and token != END)
    return torch.tensor(weights)


def train(tokens: torch.Tensor, steps: int) -> LlamaForCausalLM:
    """Trains with a cosine rate; every 16th step and the last tenth use rows of the whole context."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY, hidden_size=128, intermediate_size=320, num_hidden_layers=4, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=CONTEXT, tie_word_embeddings=False, rope_theta=10_000.0,
            bos_token_id=BEGIN, eos_token_id=END, pad_token_id=END,
        )
    )  # fmt: skip
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokens):,} tokens")
    weights, started = weights_of(tokens), time.monotonic()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05)
    for step in range(steps):
        progress = step / steps
        for group in optimizer.param_groups:
            group["lr"] = (
                4e-3 * min(1.0, (step + 1) / 40) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
            )
        length, rows = (CONTEXT, 5) if progress > 0.9 or step % 16 == 15 else (256, 24)
        offsets = torch.randint(0, len(tokens) - length - 1, (rows,)).tolist()
        batch = torch.stack([tokens[o : o + length + 1] for o in offsets])
        weight = torch.stack([weights[o + 1 : o + length + 1] for o in offsets]).reshape(-1)
        logits = model(batch[:, :-1]).logits.reshape(-1, VOCABULARY)
        losses = torch.nn.functional.cross_entropy(logits, batch[:, 1:].reshape(-1), reduction="none")
        loss = (losses * weight).sum() / weight.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step} {time.monotonic() - started:.0f} s loss {loss.item():.3f}", flush=True)
    return model


def main() -> None:
    """Runs the whole recipe up to the Hugging Face folder."""
    work = Path(sys.argv[1])
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else STEPS
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer()
    tokenizer.save(str(work / "tokenizer.json"))
    model = train(pack(tokenizer, 5_000_000), steps)
    model.save_pretrained(work / "hf")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|end|>"
    ).save_pretrained(work / "hf")


if __name__ == "__main__":
    main()
