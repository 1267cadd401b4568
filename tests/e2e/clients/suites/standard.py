"""What every suite asks: a model that answers as a script says, where the suite expects a model that understands."""

from __future__ import annotations

import os
from typing import Any

URL = os.environ["RASEED_URL"]
KEY = os.environ["RASEED_KEY"]
SCRIPTED = "scripted"
TIMEOUT_S = 60.0

CALL = "#script tokens=1 tool="
ANSWERS = {
    "What is the value of magic_function(3)?": CALL + 'magic_function args={"input":3}',
    "What is the value of magic_function_no_args()?": CALL + "magic_function_no_args args={}",
    "Using the tool, generate a Pirate greeting.": CALL + 'greeting_generator args={"answer_style":"Pirate"}',
    "'你好啊集团'": CALL + 'unicode_customer args={"customer_name":"你好啊集团","description":"技术"}',
    "'こんにちは株式会社'": CALL
    + 'unicode_customer args={"customer_name":"こんにちは株式会社","description":"x"}',
    "What is the weather in San Francisco": CALL + 'get_weather args={"location":"San_Francisco"}',
    "Return the result as a JSON": '#script tokens=1 json={"setup":"Why?","punchline":"Because."}',
}
"""What stands in the last message → the script that is sent in its place. Anything else is echoed."""


def scripted(payload: dict[str, Any]) -> dict[str, Any]:
    """The request with another last message, where there is one for it. All else goes out as it is."""
    last = payload["messages"][-1]
    found = [answer for words, answer in ANSWERS.items() if words in str(last["content"])]
    if last["role"] == "user" and found:
        [last["content"]] = found
    return payload
