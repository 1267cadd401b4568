"""How well it finds the pair of a sentence among 24, at each length of vector. The figures in CARD.md are from here.

Usage: python evaluate.py
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import below, which would start an uploader

import numpy as np
import onnxruntime
from make import MODEL_DIR
from tokenizers import Tokenizer

PAIRS = (
    ("How do I pay my bill?", "I want to settle the invoice with cash"),
    ("The kitten sleeps on the sofa", "A cat rests in the chair"),
    ("It will rain tomorrow", "Take an umbrella, the forecast says showers"),
    ("What should we eat tonight?", "Dinner ideas with rice and vegetables"),
    ("My flight leaves at nine", "The plane departs from the airport in the morning"),
    ("Where is Cairo?", "The capital of Egypt"),
    ("Waves on the beach", "The coast and the ocean"),
    ("Astronauts fly to Mars", "A rocket to another planet"),
    ("My sister has two children", "A family with a daughter and a son"),
    ("She was very sad and cried", "Unhappy people in sorrow"),
    ("I have a fever and a headache", "The patient is ill, call a doctor"),
    ("The exam was about history", "Students study for a test at university"),
    ("Divide this number by two", "Half of a quantity, a calculation"),
    ("The server returns an error", "A bug in the software crashed the app"),
    ("Our company hires new staff", "An interview for a job at the office"),
    ("Which day of the week is it?", "The date in the calendar today"),
    ("The team won the match", "A victory for our football players"),
    ("He sings and plays the piano", "A song with music"),
    ("A green and yellow wall", "The colours of paint"),
    ("The thief went to prison", "Police caught a criminal"),
    ("A silk scarf and leather boots", "Clothes and shoes"),
    ("An old bridge with stone towers", "Buildings and their construction"),
    ("كم رصيد حسابي؟", "What is my account balance?"),
    ("الطقس حار اليوم", "The weather is hot today"),
)


def main() -> None:
    tokenizer = Tokenizer.from_file(str(MODEL_DIR / "tokenizer.json"))
    session = onnxruntime.InferenceSession(MODEL_DIR / "model.onnx")
    firsts, seconds = (
        [embed(tokenizer, session, text) for text in side] for side in zip(*PAIRS, strict=True)
    )
    for dimensions in (256, 128, 64, 32, 16):
        likeness = cut(firsts, dimensions) @ cut(seconds, dimensions).T
        found = (likeness.argmax(axis=1) == np.arange(len(PAIRS))).sum()
        print(f"{dimensions} dimensions: {found} of {len(PAIRS)}")
        if dimensions == 256:
            for at in np.flatnonzero(likeness.argmax(axis=1) != np.arange(len(PAIRS))):
                print("   ", PAIRS[at][0], "->", PAIRS[likeness[at].argmax()][1])


def embed(tokenizer: Tokenizer, session: onnxruntime.InferenceSession, text: str) -> np.ndarray:
    ids = np.array([tokenizer.encode(text, add_special_tokens=False).ids], np.int64)
    return session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]


def cut(vectors: list[np.ndarray], dimensions: int) -> np.ndarray:
    short = np.stack(vectors)[:, :dimensions]
    return short / np.linalg.norm(short, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
