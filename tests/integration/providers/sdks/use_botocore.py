"""AWS's own client against the server whose address is given: what it understands, as JSON."""

import json
import os
import sys
from typing import Any

import botocore.exceptions
import botocore.session

url, key = sys.argv[1:]


def client_with(token: str) -> Any:
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = token
    session = botocore.session.Session()
    return session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=url)


client = client_with(key)
model = "anthropic.x-v1:0"
messages = [{"role": "user", "content": [{"text": "one two three"}]}]
whole = client.converse(modelId=model, messages=messages, inferenceConfig={"maxTokens": 2})
streamed, total = "", 0
for event in client.converse_stream(modelId=model, messages=messages)["stream"]:
    streamed += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
    total += event.get("metadata", {}).get("usage", {}).get("totalTokens", 0)
tool = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
called = ["", ""]
for event in client.converse_stream(
    modelId=model, messages=messages, toolConfig={"tools": [tool], "toolChoice": {"any": {}}}
)["stream"]:
    called[0] += event.get("contentBlockStart", {}).get("start", {}).get("toolUse", {}).get("name", "")
    called[1] += event.get("contentBlockDelta", {}).get("delta", {}).get("toolUse", {}).get("input", "")
try:
    client_with("wrong").converse(modelId=model, messages=messages)
    refused = None
except botocore.exceptions.ClientError as error:
    refused = error.response["ResponseMetadata"]["HTTPStatusCode"]
print(
    json.dumps(
        {
            "text": whole["output"]["message"]["content"][0]["text"],
            "reason": whole["stopReason"],
            "usage": [whole["usage"]["inputTokens"], whole["usage"]["outputTokens"]],
            "streamed": streamed,
            "streamed usage": total,
            "called": [called[0], json.loads(called[1])],
            "refused": refused,
        }
    )
)
