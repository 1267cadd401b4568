"""raseed.inference.v1 parts of messages → core types. As on the REST routes, an address is never opened."""

from __future__ import annotations

from base64 import b64encode

from raseed.adapters.wire.openai.chat_messages import AUDIO_FORMATS, PARTS_MAX
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import Media, MediaKind, Role
from raseed.inference.v1 import inference_pb2 as pb

_IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_DETAILS = ("", "auto", "low", "high")


def to_core_parts(param: str, role: Role, message: pb.ChatMessage) -> tuple[str, tuple[Media, ...]]:
    """Text and media of a message that has parts. Raises RequestInvalid."""
    if role is not Role.USER:
        raise _invalid(f"{param}.parts", "are for messages of role user alone.")
    if message.content:
        raise _invalid(f"{param}.parts", "are in place of content, not beside it.")
    if len(message.parts) > PARTS_MAX:
        raise _invalid(f"{param}.parts", f"has at most {PARTS_MAX} parts.")
    texts: list[str] = []
    media: list[Media] = []
    length = 0
    for index, part in enumerate(message.parts):
        at = f"{param}.parts[{index}]"
        match part.WhichOneof("part"):
            case "text":
                texts.append(part.text)
                length += len(part.text)
            case "image":
                media.append(_image(f"{at}.image", part.image, length))
            case "audio":
                media.append(_audio(f"{at}.audio", part.audio, length))
            case "file":
                media.append(_file(f"{at}.file", part.file, length))
            case _:
                raise _invalid(at, "is empty.")
    return "".join(texts), tuple(media)


def _image(param: str, image: pb.ImagePart, text_before: int) -> Media:
    if image.detail not in _DETAILS:
        raise _invalid(f"{param}.detail", "must be auto, low or high.")
    if image.WhichOneof("source") == "data" and image.data:
        if image.media_type not in _IMAGE_TYPES:
            raise _invalid(f"{param}.media_type", f"must be one of {', '.join(_IMAGE_TYPES)}.")
        url = _data_url(image.media_type, image.data)
    elif image.url.startswith(("https://", "http://")):
        url = image.url
    else:
        raise _invalid(param, "needs data, or a url that begins with https: or http:.")
    return Media(kind=MediaKind.IMAGE, text_before=text_before, url=url, detail=image.detail or None)


def _audio(param: str, audio: pb.AudioPart, text_before: int) -> Media:
    if not audio.data:
        raise _invalid(f"{param}.data", "is missing.")
    if audio.format not in AUDIO_FORMATS:
        raise _invalid(f"{param}.format", "must be wav or mp3.")
    return Media(
        kind=MediaKind.AUDIO,
        text_before=text_before,
        data_base64=b64encode(audio.data).decode(),
        format=audio.format,
    )


def _file(param: str, file: pb.FilePart, text_before: int) -> Media:
    if not file.data or not file.media_type:
        raise _invalid(param, "needs data and its media_type.")
    return Media(
        kind=MediaKind.FILE,
        text_before=text_before,
        url=_data_url(file.media_type, file.data),
        file_name=file.file_name or None,
    )


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(data).decode()}"


def _invalid(param: str, what: str) -> RequestInvalid:
    return RequestInvalid(f"{param} {what}", param=param)
