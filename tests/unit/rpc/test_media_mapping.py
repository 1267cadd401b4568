"""Media in native messages."""

from __future__ import annotations

from typing import Any

import pytest

from raseed.adapters.rpc.inference_mapping import to_core_chat
from raseed.adapters.wire.openai.chat_messages import PARTS_MAX
from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.core.errors import RequestInvalid
from raseed.inference.v1 import inference_pb2 as pb

PNG = b"\x89PNG"
JSON = b"""{"model": "m", "messages": [{"role": "user", "content": [
    {"type": "text", "text": "look "},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"}},
    {"type": "text", "text": "and hear"},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    {"type": "input_audio", "input_audio": {"data": "iVBORw==", "format": "wav"}},
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,iVBORw==", "filename": "a.pdf"}}
]}]}"""


def asked(*parts: pb.ContentPart, role: str = "user", content: str = "") -> pb.CreateChatCompletionRequest:
    message = pb.ChatMessage(role=role, content=content, parts=parts)
    return pb.CreateChatCompletionRequest(model="m", messages=[message])


def image(**fields: Any) -> pb.ContentPart:
    return pb.ContentPart(image=pb.ImagePart(**fields))


TEXT = pb.ContentPart(text="look ")
IMAGE = image(data=PNG, media_type="image/png", detail="low")
AUDIO = pb.ContentPart(audio=pb.AudioPart(data=PNG, format="wav"))
FILE = pb.ContentPart(file=pb.FilePart(data=PNG, media_type="application/pdf", file_name="a.pdf"))


def test_every_kind_is_what_the_json_of_openai_says():
    parts = (
        TEXT,
        IMAGE,
        pb.ContentPart(text="and hear"),
        image(url="https://example.org/a.png"),
        AUDIO,
        FILE,
    )
    assert to_core_chat(asked(*parts)) == decode_chat_request(JSON).request


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asked(TEXT, role="assistant"), "messages[0].parts"),
        (asked(TEXT, content="x"), "messages[0].parts"),
        (asked(*[TEXT] * (PARTS_MAX + 1)), "messages[0].parts"),
        (asked(TEXT, pb.ContentPart()), "messages[0].parts[1]"),
        (asked(image()), "messages[0].parts[0].image"),
        (asked(image(url="file:///etc/passwd")), "messages[0].parts[0].image"),
        (asked(image(url="data:image/png;base64,AA==")), "messages[0].parts[0].image"),
        (asked(image(data=PNG)), "messages[0].parts[0].image.media_type"),
        (asked(image(data=PNG, media_type="text/html")), "messages[0].parts[0].image.media_type"),
        (asked(image(data=PNG, media_type="image/png", detail="x")), "messages[0].parts[0].image.detail"),
        (asked(pb.ContentPart(audio=pb.AudioPart(format="wav"))), "messages[0].parts[0].audio.data"),
        (asked(pb.ContentPart(audio=pb.AudioPart(data=PNG))), "messages[0].parts[0].audio.format"),
        (asked(pb.ContentPart(file=pb.FilePart(data=PNG))), "messages[0].parts[0].file"),
    ],
)
def test_refused(request_, param):
    with pytest.raises(RequestInvalid) as refused:
        to_core_chat(request_)
    assert refused.value.param == param
