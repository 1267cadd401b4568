"""Ollama's own SDK against the server whose address is given: what it understands, as JSON."""

import json
import sys

import ollama

url, _ = sys.argv[1:]
client = ollama.Client(host=url)
messages = [{"role": "user", "content": "one two three"}]
whole = client.chat(model="x", messages=messages, options={"num_predict": 2})
chunks = list(client.chat(model="x", messages=messages, stream=True))
tool = {"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object"}}}
called = client.chat(model="x", messages=messages, tools=[tool]).message.tool_calls[0].function
try:
    client.chat(model="missing", messages=messages)
    refused = None
except ollama.ResponseError as error:
    refused = error.status_code
print(
    json.dumps(
        {
            "text": whole.message.content,
            "reason": whole.done_reason,
            "usage": [whole.prompt_eval_count, whole.eval_count],
            "streamed": "".join(chunk.message.content for chunk in chunks),
            "streamed usage": chunks[-1].prompt_eval_count + chunks[-1].eval_count,
            "called": [called.name, called.arguments],
            "refused": refused,
        }
    )
)
