"""What every HTTP driver promises, against a real server: one message, an error of ours in time, nothing given away."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from time import monotonic

import pytest
from tests.contract.messaging.conftest import (
    CODE,
    CONNECTIONS,
    FOR_EVER,
    HASTY_S,
    HTTP_DRIVERS,
    PHONE,
    SLACK_S,
    TOKEN,
    Emulated,
    answering,
    code_for,
    emulated,
    opened,
)
from tests.emulators.faults import Fault, How
from tests.emulators.server import serve

from raseed.adapters.messaging.http_call import ANSWER_BYTES_MAX
from raseed.core.messaging.ports import (
    Channel,
    MessagingError,
    Messenger,
    MessengerBusy,
    MessengerMisconfigured,
)

MESSAGE = code_for(Channel.WHATSAPP)
Http = tuple[Messenger, Emulated, str]


async def failure(messenger: Messenger) -> MessagingError:
    """What it says within its deadline. Nothing of it may be kept from a log."""
    began = monotonic()
    with pytest.raises(MessagingError) as caught:
        await messenger.send(MESSAGE)
    assert monotonic() - began < HASTY_S + SLACK_S
    for secret in (TOKEN, PHONE, PHONE[1:], CODE, "127.0.0.1", "http:"):
        assert secret not in f"{caught.value} {caught.value!r}"
    return caught.value


async def test_an_accepted_message_is_sent_once_and_named(http: Http) -> None:
    messenger, emulator, _ = http
    message_id = await messenger.send(MESSAGE)
    [sent] = emulator.sent
    assert message_id == sent.id
    assert CODE in sent.text
    [asked] = emulator.served.asked
    assert PHONE[1:] in str(asked.body)
    assert TOKEN in str(asked.headers)
    assert TOKEN not in asked.path
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("how", [How.SILENT, How.SLOW, How.RESET])
@pytest.mark.parametrize("takes_effect", [False, True])
async def test_a_network_that_fails_is_told_in_time(hasty: Http, how: How, takes_effect: bool) -> None:
    messenger, emulator, _ = hasty
    emulator.served.faults.add(Fault(how=how, takes_effect=takes_effect))
    assert isinstance(await failure(messenger), MessengerBusy)
    assert len(emulator.served.asked) == 1, "what may have been sent is not sent again"


@pytest.mark.parametrize("name", HTTP_DRIVERS)
async def test_nobody_listens(name: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with opened(name, f"http://127.0.0.1:{port}") as messenger:
        assert isinstance(await failure(messenger), MessengerBusy)


@pytest.mark.parametrize("name", HTTP_DRIVERS)
async def test_an_address_that_is_none(name: str) -> None:
    async with opened(name, "http://[") as messenger:
        with pytest.raises(MessengerMisconfigured):
            await messenger.send(MESSAGE)


async def test_a_certificate_that_nobody_vouches_for(certificate: tuple[Path, Path]) -> None:
    emulator = emulated("wassenger")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    async with serve(emulator, tls=tls) as url, opened("wassenger", url) as messenger:
        assert isinstance(await failure(messenger), MessengerMisconfigured)
    assert emulator.served.asked == []


async def test_too_many_messages(http: Http) -> None:
    messenger, emulator, _ = http
    far = "Fri, 31 Dec 2999 23:59:59 GMT"
    for retry_after, expected in (("7", 7.0), (far, 86400.0), ("soon", None), ("-1", None), ("", None)):
        emulator.served.faults.add(
            Fault(how=How.STATUS, status=429, body="{}", headers={"Retry-After": retry_after})
        )
        error = await failure(messenger)
        assert isinstance(error, MessengerBusy)
        assert error.retry_after_s == expected


async def test_a_provider_in_trouble(http: Http) -> None:
    messenger, emulator, _ = http
    for status in (500, 502, 503, 504, 408):
        emulator.served.faults.add(Fault(how=How.STATUS, status=status, body="<html>for +96550123456</html>"))
        assert isinstance(await failure(messenger), MessengerBusy)


async def test_a_provider_that_refuses(http: Http) -> None:
    messenger, emulator, _ = http
    for status in (401, 403, 404, 410, 415):
        emulator.served.faults.clear()
        emulator.served.faults.add(answering({"message": f"{TOKEN} is wrong"}, status))
        assert isinstance(await failure(messenger), MessengerMisconfigured)


async def test_redirects_are_not_followed(http: Http) -> None:
    messenger, emulator, _ = http
    elsewhere = emulated("wassenger")
    async with serve(elsewhere) as url:
        for status in (301, 302, 307, 308):
            emulator.served.faults.add(Fault(how=How.STATUS, status=status, headers={"Location": url}))
            assert isinstance(await failure(messenger), MessengerMisconfigured)
    assert elsewhere.served.asked == []


UNREADABLE = {
    "empty": b"",
    "half": b"{",
    "bytes": b"\xff\xfe",
    "list": b"[]",
    "text": b'"sent"',
    "null": b"null",
    "object": b"{}",
    "deep": b"[" * 60_000,
    "long": b" " * (ANSWER_BYTES_MAX * 4),
}


async def test_an_answer_that_cannot_be_read(http: Http) -> None:
    messenger, emulator, name = http
    for what, raw in UNREADABLE.items():
        emulator.served.faults.add(Fault(how=How.STATUS, status=200, body=raw))
        if name == "resayil-token":  # its status alone says that it was accepted
            assert not await messenger.send(MESSAGE), what
        else:
            assert isinstance(await failure(messenger), MessengerBusy), what


async def test_after_any_failure_the_next_message_goes_out(http: Http) -> None:
    messenger, emulator, _ = http
    emulator.served.faults.add(
        Fault(how=How.RESET), Fault(how=How.STATUS, status=200, body=b" " * (ANSWER_BYTES_MAX * 4))
    )
    await failure(messenger)
    await asyncio.gather(messenger.send(MESSAGE), return_exceptions=True)
    assert await messenger.send(MESSAGE) == emulator.sent[-1].id
    assert len(emulator.served.asked) == 3


async def test_connections_are_bounded(http: Http) -> None:
    messenger, emulator, _ = http
    emulator.served.faults.add(Fault(how=How.LATE, times=FOR_EVER))
    await asyncio.gather(*(messenger.send(MESSAGE) for _ in range(20)))
    assert 1 < emulator.served.open_most <= CONNECTIONS


async def test_waiting_for_a_connection_counts(hasty: Http) -> None:
    messenger, emulator, _ = hasty
    emulator.served.faults.add(Fault(how=How.SILENT, times=FOR_EVER))
    began = monotonic()
    outcomes = await asyncio.gather(
        *(messenger.send(MESSAGE) for _ in range(2 * CONNECTIONS)), return_exceptions=True
    )
    assert all(isinstance(outcome, MessengerBusy) for outcome in outcomes)
    assert monotonic() - began < HASTY_S + SLACK_S


async def test_a_cancelled_call_leaves_no_answer_for_the_next(http: Http) -> None:
    """Whoever comes next on the connection must not read what was meant for somebody else."""
    messenger, emulator, _ = http
    emulator.served.faults.add(Fault(how=How.LATE, times=FOR_EVER))
    for _ in range(5):
        sending = asyncio.ensure_future(messenger.send(MESSAGE))
        await asyncio.sleep(0.01)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    emulator.served.faults.clear()
    others = len(emulator.sent)
    ids = await asyncio.gather(*(messenger.send(MESSAGE) for _ in range(5)))
    assert sorted(ids) == sorted(sent.id for sent in emulator.sent[others:])
