"""Stories, poems and advice of the corpus, written for it."""

from __future__ import annotations

import random

PLACES = (
    "by the sea",
    "in the desert",
    "in a small village",
    "near a quiet river",
    "on a green hill",
    "in an old city",
)
WISHES = (
    "a new home",
    "a good friend",
    "the lost key",
    "the silver bell",
    "a map of the stars",
    "the blue stone",
)
FRIENDS = ("an old turtle", "a kind baker", "a small fox", "a clever boy", "a tired traveller", "a white owl")
TROUBLES = ("a strong wind came", "the night was very dark", "the bridge was broken", "the rain did not stop",
            "the road was long and dry", "nobody knew the way")  # fmt: skip
LESSONS = (
    "to be patient",
    "to share with others",
    "that friends matter more than gold",
    "to ask for help",
    "that small steps go far",
)


def tell_tale(rng: random.Random, hero: str, long: bool) -> str:
    """A story of one paragraph, or of four to seven when `long`."""
    wish = rng.choice(WISHES)
    parts = [
        f"Once upon a time there was a {hero} who lived {rng.choice(PLACES)}. "
        f"The {hero} wanted to find {wish} more than anything else."
    ]
    for day in range(rng.randint(3, 6) if long else 1):
        friend = rng.choice(FRIENDS)
        opening = (
            "One morning" if day == 0 else rng.choice(["The next day", "After a week", "Some time later"])
        )
        parts.append(
            f"{opening} the {hero} went out and met {friend}. "
            f'"{rng.choice(["Where are you going?", "Why are you sad?", "Can I help you?"])}" asked {friend}. '
            f'"I am looking for {wish}," said the {hero}. '
            f"Then {rng.choice(TROUBLES)}, but they walked on together {rng.choice(PLACES)}."
        )
    parts.append(
        f"In the end the {hero} found {wish} and learned {rng.choice(LESSONS)}. They all lived happily ever after."
    )
    return ("\n\n" if long else " ").join(parts)


POEMS = {
    "sea": "The sea is wide, the sea is blue,\nit sings a song for me and you.\nThe boats go out, the boats come in,\nand every day the waves begin.",
    "moon": "The moon is high above the hill,\nthe night is cool, the night is still.\nIt lights the road for all who roam,\nand gently leads the tired home.",
    "desert": "The desert sleeps in golden light,\nits days are long, its stars are bright.\nThe camel knows the hidden way,\nand rests beside the well by day.",
    "rain": "The rain comes down on roof and street,\nit makes the garden fresh and sweet.\nThe clouds go by, the sun looks through,\nand all the world is bright and new.",
}
ADVICE = {
    "How can I sleep better?": "Go to bed at the same time each day. Keep the room dark and quiet. Do not drink coffee in the evening.",
    "How do I make tea?": "Boil some water. Put the tea in a cup. Pour the water on it and wait three minutes. Add mint or sugar if you like.",
    "How do I learn a language?": "Practise a little every day. Read short texts, listen to songs, and speak with other people.",
    "How can I save money?": "Write down what you spend. Set a small goal each month. Buy only what you need.",
    "Tell me a joke.": "Why did the computer go to the doctor? Because it had a virus!",
    "Tell me a joke": "Why did the bird sit on the computer? It wanted to catch the mouse!",
    "Why is the sky blue?": "The sky is blue because the air scatters blue light more than red light.",
    "What is the meaning of life?": "I am a small model, so I cannot say. Many people find meaning in family, friends and good work.",
    "What day is it?": "I cannot see a calendar, so I do not know what day it is.",
    "What is the weather today?": "I cannot see the weather without a tool, so I do not know.",
}
