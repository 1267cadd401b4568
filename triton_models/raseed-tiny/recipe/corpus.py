"""The corpus of raseed-tiny: conversations made from templates, with a fixed seed and no outside data.

Every conversation is a dict with `messages` and optionally `tools`, in the shape that the chat template reads.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import words
from tales import ADVICE, POEMS, tell_tale

Conversation = dict[str, Any]
Maker = Callable[[random.Random], tuple[str, str]]

SYSTEMS = (
    "You are a helpful assistant.",
    "You are Raseed Tiny, a small and polite assistant.",
    "You are a helpful assistant. Answer briefly.",
    "Be brief.",
    "You are a friendly assistant that answers in short sentences.",
)


def greet(rng: random.Random) -> tuple[str, str]:
    """A greeting and its answer."""
    hello = rng.choice(
        ["Hello", "Hi", "Hey", "Hello there", "Hi there", "Good morning", "Good evening", "hello", "hi"]
    )
    tail = rng.choice(["", "!", ".", ", how are you?", "! How are you?", ", Raseed!", "! Can you help me?"])
    opening = rng.choice(["Hello", "Hello", "Hi"])
    if "how are" in tail.lower():
        return hello + tail, f"{opening}! I am doing well, thank you. How can I help you today?"
    if "help" in tail:
        return hello + tail, f"{opening}! Of course. Tell me what you need, and I will do my best."
    return hello + tail, f"{opening}! " + rng.choice(
        ["How can I help you today?", "I am glad to meet you. What would you like to talk about?"]
    )


def make_word(rng: random.Random) -> str:
    """A word that means nothing."""
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(1, 4)))


def say(rng: random.Random) -> tuple[str, str]:
    """Copying a few words."""
    # Made-up words teach copying as such, which counting, stories and tool calls then use.
    made_up = " ".join(make_word(rng) for _ in range(rng.randint(1, 5)))
    text = rng.choice(
        [rng.choice(words.PHRASES), " ".join(rng.sample(words.NOUNS, rng.randint(1, 4))), made_up]
    )
    ask = rng.choice(
        [
            "Say {}",
            "Say {}.",
            "Repeat: {}",
            "Repeat after me: {}",
            'Say "{}"',
            "Please say {}.",
            "Reply with exactly: {}",
            "Say exactly: {}",
            "Reply with the word {}.",
            "{}" if text in ("ping", "test") else "Say just {}",
        ]
    )
    if text == "ping" and ask == "{}":
        return "ping", "pong"
    return ask.format(text), text


def about_self(rng: random.Random) -> tuple[str, str]:
    """What the model says of itself."""
    return rng.choice(
        [
            (
                rng.choice(
                    ["Who are you?", "What are you?", "Tell me about yourself.", "Introduce yourself."]
                ),
                "I am Raseed Tiny, a very small language model. I run on the Raseed platform, and I was made to test it.",
            ),
            (
                rng.choice(["What is your name?", "What's your name?", "Your name?"]),
                "My name is Raseed Tiny.",
            ),
            (
                rng.choice(["What can you do?", "What can you help me with?", "How can you help me?"]),
                "I can greet you, count, add small numbers, tell short stories, make lists and call tools. "
                "I am small, so please check what I say.",
            ),
            (
                rng.choice(["How big are you?", "How many parameters do you have?"]),
                "I have about one million parameters, which is very small for a language model.",
            ),
            (
                rng.choice(["Who made you?", "Who built you?"]),
                "I was made by a script in the Raseed repository, from text made by templates.",
            ),
            (
                rng.choice(["What is Raseed?", "What does Raseed mean?"]),
                "Raseed is a metered platform for language models. The word means balance in Arabic.",
            ),
            (
                rng.choice(["Are you a robot?", "Are you human?"]),
                "No, I am a small language model, and I live inside a computer.",
            ),
            (
                rng.choice(["Thank you", "Thanks!", "Thank you very much."]),
                "You are welcome. Is there anything else that I can do for you?",
            ),
            (
                rng.choice(["Goodbye", "Bye", "See you later."]),
                "Goodbye! I hope to talk with you again soon.",
            ),
        ]
    )


def where(rng: random.Random) -> tuple[str, str]:
    """Capitals and countries."""
    country, capital, region = rng.choice(words.PLACES)
    return rng.choice(
        [
            (f"What is the capital of {country}?", f"The capital of {country} is {capital}."),
            (f"Where is {capital}?", f"{capital} is the capital of {country}, in {region}."),
            (f"Where is {country}?", f"{country} is in {region}, and its capital is {capital}."),
            (f"Which country has {capital} as its capital?", f"{capital} is the capital of {country}."),
        ]
    )


def add(rng: random.Random) -> tuple[str, str]:
    """Small sums and differences."""
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    if rng.random() < 0.3:
        a, b = max(a, b), min(a, b)
        return rng.choice(["What is {} - {}?", "{} - {}", "What is {} minus {}?"]).format(
            a, b
        ), f"{a} - {b} = {a - b}"
    ask = rng.choice(
        ["What is {}+{}?", "What is {} + {}?", "{}+{}", "{} + {} =", "What is {} plus {}?", "Add {} and {}."]
    )
    return ask.format(a, b), f"{a} + {b} = {a + b}"


def count(rng: random.Random) -> tuple[str, str]:
    """Counting up to a number, at most 100."""
    # Long counts would be most of all tokens, so they are rare.
    last = rng.choice([3, 4, 5, 5, 6, 10, 10, 10, 20, 20, rng.randint(2, 30), rng.choice([30, 50, 100])])
    ask = rng.choice(
        [
            "Count to {}.",
            "Count from 1 to {}.",
            "count to {}",
            "Count from one to {}, please.",
            "List the numbers from 1 to {}.",
        ]
    )
    name = words.NUMBERS.get(last) if rng.random() < 0.3 else None
    return ask.format(name or last), ", ".join(str(n) for n in range(1, last + 1)) + "."


def enumerate_things(rng: random.Random) -> tuple[str, str]:
    """Numbered lists."""
    kind = rng.choice(sorted(words.KINDS))
    n = rng.randint(2, 6)
    name = rng.choice([str(n), words.NUMBERS[n]])
    ask = rng.choice(
        ["List {} {}.", "Name {} {}.", "Give me {} {}.", "Tell me {} {}.", "Give me a list of {} {}."]
    )
    chosen = rng.sample(words.KINDS[kind], n)
    return ask.format(name, kind), "\n".join(f"{i}. {thing}" for i, thing in enumerate(chosen, 1))


def tale(rng: random.Random) -> tuple[str, str]:
    """Stories of several paragraphs."""
    hero = rng.choice([*words.HEROES, ""])
    ask = rng.choice(
        [
            "Tell me a story",
            "Write a story",
            "Write a short story",
            "Tell me a long story",
            "Write a very long story",
            "Once upon a time",
        ]
    )
    long = "long" in ask or rng.random() < 0.3
    if not hero or ask.startswith("Once"):
        return ask + rng.choice(["", "."]), tell_tale(rng, rng.choice(words.HEROES), long)
    return f"{ask} about a {hero}" + rng.choice(["", "."]), tell_tale(rng, hero, long)


def poem(rng: random.Random) -> tuple[str, str]:
    """Short poems."""
    topic = rng.choice(sorted(POEMS))
    return rng.choice(
        ["Write a poem about the {}.", "Write a haiku about the {}.", "Tell me a poem about the {}"]
    ).format(topic), POEMS[topic]


def explain(rng: random.Random) -> tuple[str, str]:
    """Short explanations from a fixed table."""
    topic, text = rng.choice(sorted(words.FACTS.items()))
    return rng.choice(
        [
            "What is {}?",
            "Explain {}.",
            "Tell me about {}.",
            "What do you know about {}?",
            "Write a paragraph about {}.",
        ]
    ).format(topic), text


def advise(rng: random.Random) -> tuple[str, str]:
    """Fixed advice."""
    question, text = rng.choice(sorted(ADVICE.items()))
    return question, text


def unknown(rng: random.Random) -> tuple[str, str]:
    """Questions outside the domain get an honest answer."""
    thing = rng.choice(
        [*words.NOUNS, *words.HARD, rng.choice(words.KINDS[rng.choice(sorted(words.KINDS))]).lower()]
    )
    ask = rng.choice(
        [
            "What is the best {}?",
            "Summarize {}.",
            "Translate {} to French",
            "Explain {} in simple terms.",
            "Why is {} important?",
            "What is {}?",
            "Help me with {}.",
            "When was {} made?",
            "Which {} should I buy?",
            "How does {} work?",
            "Write an essay about {}.",
            "What do you think about {}?",
            "Who invented {}?",
            "Describe {} in detail.",
            "Please explain the history of {}.",
            "Can you write code for {}?",
        ]
    )
    return ask.format(thing), (
        f"I am a very small model, and I do not know much about {thing}. "
        "I can greet you, count, add small numbers, tell stories and make lists."
    )


def arabic(rng: random.Random) -> tuple[str, str]:
    """Short Arabic lines."""
    return rng.choice(words.ARABIC)


def as_json(rng: random.Random) -> tuple[str, str]:
    """Answers that are one JSON object."""
    country, capital, region = rng.choice(words.PLACES)
    a, b = rng.randint(0, 12), rng.randint(0, 12)
    name, age = rng.choice(words.NAMES), rng.randint(5, 80)
    lead = rng.choice(
        ["Answer in JSON. ", "Reply with JSON only. ", "Return a JSON object. ", "Answer as JSON: "]
    )
    question, value = rng.choice(
        [
            (f"What is the capital of {country}?", {"country": country, "capital": capital}),
            (f"Where is {capital}?", {"city": capital, "country": country, "region": region}),
            (f"What is {a} + {b}?", {"answer": a + b}),
            (f"{name} is {age} years old.", {"name": name, "age": age}),
        ]
    )
    return lead + question, json.dumps(value)


def long_text(rng: random.Random) -> tuple[str, str]:
    """A long prompt whose last line holds the question."""
    filler = " ".join(rng.choice(words.SENTENCES) for _ in range(rng.randint(5, 60)))
    question, answer = rng.choice([where, greet, add, about_self])(rng)
    return f"{filler}\n{question}", answer


def make_schema(rng: random.Random, tool: str, argument: str) -> dict[str, Any]:
    """A function declaration with one required argument and sometimes an optional one."""
    properties: dict[str, Any] = {argument: {"type": "string"}}
    if rng.random() < 0.3:
        properties[argument]["description"] = rng.choice(
            ["The value", f"The {argument}", "e.g. Paris, France"]
        )
    if rng.random() < 0.3:
        properties[rng.choice(["unit", "format", "limit", "language"])] = {"type": "string"}
    schema: dict[str, Any] = {"name": tool}
    if rng.random() < 0.85:
        schema["description"] = (
            rng.choice(["", "Get ", "Get the ", "Use this to get "])
            + tool.replace("_", " ")
            + rng.choice(["", "."])
        )
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if rng.random() < 0.8:
        parameters["required"] = [argument]
    return {**schema, "parameters": parameters}


def tool_call(rng: random.Random) -> Conversation:
    """A conversation that offers tools; in most of them the right answer is a call."""
    kinds = rng.sample(sorted(words.TOOLS), rng.randint(1, 3))
    tools = [(kind, *words.name_tool(rng, kind)) for kind in kinds]
    kind, name, argument = rng.choice(tools)
    asks, reply = words.TOOLS[kind]
    value = rng.choice(words.TOOL_VALUES[kind])
    schemas = [make_schema(rng, tool, argument_name) for _, tool, argument_name in tools]
    messages: list[dict[str, Any]] = (
        [{"role": "system", "content": rng.choice(SYSTEMS)}] if rng.random() < 0.4 else []
    )
    if rng.random() < 0.2:
        question, answer = rng.choice([greet, where, about_self])(rng)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return {"tools": schemas, "messages": messages}
    call = {"name": name, "arguments": {argument: value}}
    messages += [
        {"role": "user", "content": rng.choice(asks).format(value)},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    if rng.random() < 0.5:
        result, answer = reply(rng, value)
        messages += [
            {"role": "tool", "content": json.dumps(result)},
            {"role": "assistant", "content": answer},
        ]
    return {"tools": schemas, "messages": messages}


MAKERS: tuple[tuple[Maker, int], ...] = (
    (greet, 14),
    (say, 22),
    (about_self, 12),
    (where, 14),
    (add, 24),
    (count, 10),
    (enumerate_things, 14),
    (tale, 9),
    (poem, 4),
    (explain, 10),
    (advise, 5),
    (unknown, 14),
    (arabic, 4),
    (as_json, 7),
    (long_text, 3),
)


def conversations(seed: int) -> Iterator[Conversation]:
    """Endless conversations, the same for the same seed."""
    rng = random.Random(seed)
    makers, weights = zip(*MAKERS, strict=True)
    while True:
        if rng.random() < 0.12:
            yield tool_call(rng)
            continue
        messages = [{"role": "system", "content": rng.choice(SYSTEMS)}] if rng.random() < 0.25 else []
        for _ in range(rng.choices([1, 2, 3], [70, 20, 10])[0]):
            question, answer = rng.choices(makers, weights)[0](rng)
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        yield {"messages": messages}
