"""Google's own SDK against the server whose address is given: what it understands, as JSON."""

import json
import sys

from google import genai
from google.genai import errors, types

url, key = sys.argv[1:]
client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))
whole = client.models.generate_content(
    model="gemini-x", contents="one two three", config=types.GenerateContentConfig(max_output_tokens=2)
)
chunks = list(client.models.generate_content_stream(model="gemini-x", contents="one two three"))
tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="look", parameters_json_schema={})])
called = client.models.generate_content(
    model="gemini-x",
    contents="one",
    config=types.GenerateContentConfig(
        tools=[tool],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    ),
)
stranger = genai.Client(api_key="wrong", http_options=types.HttpOptions(base_url=url))
try:
    stranger.models.generate_content(model="gemini-x", contents="one")
    refused = None
except errors.ClientError as error:
    refused = error.code
print(
    json.dumps(
        {
            "text": whole.text,
            "reason": whole.candidates[0].finish_reason,
            "usage": [whole.usage_metadata.prompt_token_count, whole.usage_metadata.candidates_token_count],
            "streamed": "".join(chunk.text or "" for chunk in chunks),
            "streamed usage": chunks[-1].usage_metadata.total_token_count,
            "called": [called.function_calls[0].name, called.function_calls[0].args],
            "refused": refused,
        }
    )
)
