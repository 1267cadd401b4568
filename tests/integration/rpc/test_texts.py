"""What signed-in users may send as texts, ids and page tokens: nothing of it is an error of the server."""

from __future__ import annotations

import base64
import json
from typing import Any

import grpc
import pytest
from tests.integration.rpc.conftest import AT_ONCE
from tests.integration.rpc.test_auth import bearer
from tests.integration.rpc.test_keys import stub
from tests.integration.rpc.test_organisations import person
from tests.integration.rpc.test_own_data import ask, rest
from tests.support.worker import Worker, error_of

from raseed.accounts.v1 import accounts_pb2, notices_pb2
from raseed.adapters.rpc.interceptors.texts import field_with_nul
from raseed.adapters.rpc.paging import TOKEN_CHARS_MAX, decode_token, encode_token
from raseed.core.errors import RequestInvalid

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_TOKEN = "page_token is not one that was given out."
MADE_UP = [
    f'usage [{10**30}, "x"]',
    "usage " + "[" * 2_900,
    "usage " + "[" * 100_000,
    'usage [1, "a\0b"]',
    "no\0part []",
]


async def refusal(answer: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer
    code, _reason = error_of(caught.value)
    return code, str(caught.value.details())


@AT_ONCE
async def test_made_up_tokens_and_nul_are_refused(worker: Worker):
    me = bearer((await person(worker)).token)
    for text in MADE_UP:
        token = base64.urlsafe_b64encode(text.encode()).decode()
        assert await refusal(ask(worker, me, "ExportOwnData", page_token=token)) == (
            "INVALID_ARGUMENT",
            NO_TOKEN,
        )
    assert await refusal(ask(worker, me, "RequestClosing", reason="a\0b")) == (
        "INVALID_ARGUMENT",
        "reason has a NUL character.",
    )
    for body, status in (({"reason": "a\0b"}, 400), ({"reason": "a\\u0000b"}, 200)):
        assert (await rest(worker, me, "RequestClosing", body))[0] == status
    keys = stub(worker)
    listing = accounts_pb2.ListApiKeysRequest(page_token=encode_token("key_\0"))
    assert await refusal(keys.ListApiKeys(listing, metadata=me)) == ("INVALID_ARGUMENT", NO_TOKEN)
    named = accounts_pb2.GetApiKeyRequest(id="key_\0")
    assert await refusal(keys.GetApiKey(named, metadata=me)) == (
        "INVALID_ARGUMENT",
        "id has a NUL character.",
    )


async def test_a_nul_is_found_wherever_it_is():
    spec = accounts_pb2.ApiKeySettings(name="fine", scopes=["inference"])
    assert field_with_nul(accounts_pb2.CreateApiKeyRequest(settings=spec)) is None
    spec.scopes.append("a\0")
    assert field_with_nul(accounts_pb2.CreateApiKeyRequest(settings=spec)) == "scopes"
    wanted = notices_pb2.UpdateNoticePreferencesRequest(wanted={"a\0": True})
    assert field_with_nul(wanted) == "wanted"


async def test_a_token_has_a_longest_length():
    assert decode_token(encode_token("x" * 3_000)) == "x" * 3_000
    for token in ("A" * (TOKEN_CHARS_MAX + 4), "!", encode_token("\0"), json.dumps("x")):
        with pytest.raises(RequestInvalid):
            decode_token(token)
