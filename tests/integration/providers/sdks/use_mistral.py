"""Mistral's own SDK against the server whose address is given: what it understands, as JSON."""

import json
import sys

from mistralai.client import Mistral
from mistralai.client.errors import SDKError

url, key = sys.argv[1:]
messages = [{"role": "user", "content": "one two three"}]
with Mistral(api_key=key, server_url=url) as client:
    whole = client.chat.complete(model="x", messages=messages, max_tokens=2)
    chunks = [event.data for event in client.chat.stream(model="x", messages=messages)]
try:
    Mistral(api_key="wrong", server_url=url).chat.complete(model="x", messages=messages)
    refused = None
except SDKError as error:
    refused = error.status_code
print(
    json.dumps(
        {
            "text": whole.choices[0].message.content,
            "reason": whole.choices[0].finish_reason,
            "usage": [whole.usage.prompt_tokens, whole.usage.completion_tokens],
            "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
            "streamed usage": chunks[-1].usage.total_tokens,
            "refused": refused,
        }
    )
)
