"""Word tables of the corpus, written for it."""

from __future__ import annotations

import random
from typing import Any

PLACES = (
    ("Kuwait", "Kuwait City", "the Middle East"), ("France", "Paris", "Europe"), ("Japan", "Tokyo", "Asia"),
    ("Egypt", "Cairo", "Africa"), ("Germany", "Berlin", "Europe"), ("Italy", "Rome", "Europe"),
    ("Spain", "Madrid", "Europe"), ("Kenya", "Nairobi", "Africa"), ("Peru", "Lima", "South America"),
    ("Canada", "Ottawa", "North America"), ("Oman", "Muscat", "the Middle East"), ("Qatar", "Doha", "the Middle East"),
    ("Jordan", "Amman", "the Middle East"), ("Norway", "Oslo", "Europe"), ("China", "Beijing", "Asia"),
    ("Saudi Arabia", "Riyadh", "the Middle East"), ("Greece", "Athens", "Europe"), ("Cuba", "Havana", "the Caribbean"),
)  # fmt: skip
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 10: "ten", 20: "twenty", 50: "fifty"}
KINDS = {
    "colors": ["Red", "Blue", "Green", "Yellow", "White", "Black", "Orange"],
    "fruits": ["Apple", "Banana", "Orange", "Date", "Grape", "Mango", "Lemon"],
    "animals": ["Cat", "Dog", "Horse", "Camel", "Bird", "Lion", "Fish"],
    "countries": ["Kuwait", "France", "Japan", "Egypt", "Italy", "Peru", "Kenya"],
    "planets": ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Neptune"],
    "vegetables": ["Carrot", "Onion", "Potato", "Pepper", "Tomato", "Bean", "Pea"],
    "cities": ["Paris", "Tokyo", "Cairo", "Berlin", "Rome", "Lima", "Kuwait City"],
}
HEROES = ("cat", "dog", "robot", "king", "bird", "fisherman", "girl", "camel", "dragon", "sailor")
NAMES = ("Sara", "Omar", "Lina", "John", "Mary", "Ali", "Noor", "Alice", "Bob", "Adam")
NOUNS = (
    "water",
    "music",
    "bread",
    "stone",
    "river",
    "garden",
    "window",
    "paper",
    "market",
    "winter",
    "letter",
    "bridge",
)
HARD = ("quantum physics", "a jet engine", "the stock market", "chess", "the Roman Empire", "a sorting function",
        "machine learning", "the internet", "photography", "medicine")  # fmt: skip
PHRASES = ("hello", "hi", "ok", "yes", "no", "hello world", "Hello, world!", "good morning", "test", "this is a test",
           "pong", "ping", "I am here", "thank you", "the sea is blue", "done", "ready", "banana")  # fmt: skip
SENTENCES = (
    "The sea is calm today.", "A bird sits on the wall.", "The market opens in the morning.", "We drink tea with mint.",
    "The old boat needs paint.", "Children play in the street.", "The wind moves the sand.", "She reads a book at night.",
    "The train leaves at nine.", "He writes a letter to his friend.", "The lamp is on the table.", "Rain is rare in summer.",
)  # fmt: skip
FACTS = {
    "the sun": "The sun is a star in the middle of our solar system. It gives light and heat to the Earth.",
    "the moon": "The moon goes around the Earth in about a month. It has no air and no water to drink.",
    "water": "Water is a clear liquid. People, animals and plants need it to live.",
    "the desert": "The desert is a dry place with little rain. Days are hot there, and nights can be cold.",
    "a token": "A token is a small piece of text. Models read and write tokens, and usage is counted in tokens.",
    "a credit": "A credit is the unit of balance on Raseed. Each request costs some credits.",
    "the sea": "The sea is a large body of salt water. Ships cross it, and many fish live in it.",
    "a language model": "A language model is a program that predicts the next piece of text. It can answer questions and tell stories.",
    "a computer": "A computer is a machine that follows instructions. It can store numbers, text and pictures.",
    "rain": "Rain is water that falls from clouds. It fills rivers and helps plants to grow.",
    "Python": "Python is a programming language. It is easy to read, and many people use it.",
    "the sky": "The sky is blue because the air scatters blue light more than red light.",
    "gravity": "Gravity is the force that pulls things toward the Earth. It keeps the moon in its path.",
    "life": "Life is what plants, animals and people share. They grow, change and make more of their kind.",
}  # fmt: skip
ARABIC = (
    ("مرحبا", "مرحبا! كيف يمكنني مساعدتك اليوم؟"),
    ("السلام عليكم", "وعليكم السلام! كيف يمكنني مساعدتك اليوم؟"),
    ("كيف حالك؟", "أنا بخير، شكرا لك."),
    ("من أنت؟", "أنا رصيد، نموذج لغة صغير جدا."),
    ("ما معنى رصيد؟", "رصيد تعني المبلغ المتبقي في حسابك."),
    ("ما هي عاصمة الكويت؟", "عاصمة الكويت هي مدينة الكويت."),
    ("شكرا", "على الرحب والسعة."),
    ("Say hello in Arabic.", "مرحبا"),
)


def _weather(rng: random.Random, city: str) -> tuple[dict[str, Any], str]:
    degrees, sky = rng.randint(5, 45), rng.choice(["sunny", "cloudy", "rainy", "windy"])
    return {"temperature": degrees, "sky": sky}, f"It is {degrees} degrees and {sky} in {city}."


def _time(rng: random.Random, city: str) -> tuple[dict[str, Any], str]:
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    return {"time": clock}, f"It is {clock} in {city}."


def _search(rng: random.Random, query: str) -> tuple[dict[str, Any], str]:
    n = rng.randint(0, 9)
    return {"results": n}, f"I found {n} results for {query}."


def _sum(_: random.Random, expression: str) -> tuple[dict[str, Any], str]:
    left, right = expression.split(" + ")
    return {"result": int(left) + int(right)}, f"The result is {int(left) + int(right)}."


TOOLS = {
    "weather": (("What is the weather in {}?", "What's the weather in {}?", "What is the weather like in {}?",
                 "How is the weather in {} today?", "Tell me the weather in {}."), _weather),
    "time": (("What time is it in {}?", "What is the time in {}?", "Tell me the time in {}."), _time),
    "search": (("Search for {}.", "Look up {}.", "Find {}."), _search),
    "calculate": (("Calculate {}.", "Use the tool to compute {}.", "Compute {}."), _sum),
}  # fmt: skip
"""By kind: what users ask, and the result with the answer made from it."""
_TOOL_NAMES = {
    "weather": (("get_", "get_", "fetch_", "lookup_", "check_", "get_current_"), ("weather",), ("", "", "", "_now", "_info", "_today")),
    "time": (("get_", "fetch_", "current_", ""), ("time",), ("", "", "_now", "_info")),
    "search": (("", "web_", "do_"), ("search", "lookup", "find"), ("", "", "_web", "_docs")),
    "calculate": (("", "do_"), ("calculate", "calculator", "compute", "math"), ("", "", "_sum")),
}  # fmt: skip
_ARGUMENTS = {
    "weather": ("city", "location", "location", "place", "town", "where"), "time": ("city", "location", "place", "timezone"),
    "search": ("query", "q", "text", "term"), "calculate": ("expression", "formula", "input"),
}  # fmt: skip
_USUAL_TOOLS = {"weather": "get_weather", "time": "get_time", "search": "search", "calculate": "calculate"}
"""What the examples of client libraries call them."""
_CITIES = [capital for _, capital, _ in PLACES]
TOOL_VALUES = {
    "weather": _CITIES,
    "time": _CITIES,
    "search": list(NOUNS),
    "calculate": [f"{a} + {b}" for a in range(1, 30) for b in range(1, 30)],
}


def name_tool(rng: random.Random, kind: str) -> tuple[str, str]:
    """A name for a tool of this kind and for its argument: many, so that the model learns to copy them."""
    if kind in _USUAL_TOOLS and rng.random() < 0.4:
        return _USUAL_TOOLS[kind], rng.choice(_ARGUMENTS[kind][:3])
    return "".join(rng.choice(parts) for parts in _TOOL_NAMES[kind]), rng.choice(_ARGUMENTS[kind])
