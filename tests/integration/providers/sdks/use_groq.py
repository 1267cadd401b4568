"""Groq's own SDK against the server whose address is given: what it understands, as JSON."""

import json
import sys

import groq

url, key = sys.argv[1:]
client = groq.Groq(api_key=key, base_url=url, max_retries=0)
messages = [{"role": "user", "content": "one two three"}]
whole = client.chat.completions.create(model="x", messages=messages, max_completion_tokens=2)
chunks = list(client.chat.completions.create(model="x", messages=messages, stream=True))
try:
    groq.Groq(api_key="wrong", base_url=url, max_retries=0).chat.completions.create(
        model="x", messages=messages
    )
    refused = None
except groq.AuthenticationError as error:
    refused = error.status_code
print(
    json.dumps(
        {
            "text": whole.choices[0].message.content,
            "reason": whole.choices[0].finish_reason,
            "usage": [whole.usage.prompt_tokens, whole.usage.completion_tokens],
            "streamed": "".join(c.choices[0].delta.content or "" for c in chunks if c.choices),
            "streamed usage": chunks[-1].x_groq.usage.total_tokens,
            "refused": refused,
        }
    )
)
