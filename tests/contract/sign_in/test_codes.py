"""One-time codes on both databases: what is believed, how often, and what a flood gets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.contract.sign_in.conftest import AT_ONCE, ON_BOTH
from tests.support.sign_in import ADDRESS, PHONE, House, in_turn, wrong

from raseed.adapters.sql.accounts.sign_in_codes import ATTEMPTS_WAITING_MAX
from raseed.adapters.sql.tables import metadata
from raseed.core.accounts.code_limits import CodeLimits, Window
from raseed.core.clock import DAY, HOUR, MINUTE, SECOND
from raseed.core.errors import CodeRejected, Overloaded, RaseedError, RequestInvalid, TooManyCodes
from raseed.core.messaging.ports import Channel, Language

GUESSES = 1_000


def far(number: int) -> str:
    """Telephone numbers that are no neighbours."""
    return f"+96550{number:02}1234"


async def rejected(house: House, challenge: str, code: str, **fields) -> CodeRejected:
    with pytest.raises(CodeRejected) as caught:
        await house.verify(challenge, code, **fields)
    return caught.value


async def refused(house: House, to: str = PHONE, **fields) -> TooManyCodes:
    with pytest.raises(TooManyCodes) as caught:
        await house.start(to, **fields)
    return caught.value


async def test_a_code_is_sent_and_believed_once(house):
    started = await house.start("٥٠١٢٣٤٥٦", language="en")
    message = house.sent[0]
    assert (message.channel, message.to, message.language) == (Channel.WHATSAPP, PHONE, Language.ENGLISH)
    assert (len(house.code), message.parameters["minutes"]) == (6, "5")
    assert (started.expires_in_s, started.resend_after_s) == (300, 60)
    eastern = house.code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    await house.verify(started.challenge, f" {eastern[:3]}-{eastern[3:]} ")
    await rejected(house, started.challenge, house.code)


async def test_a_code_by_mail_is_longer(house):
    await house.start("Ada@Example.com")
    assert (house.sent[0].channel, house.sent[0].to) == (Channel.EMAIL, "ada@example.com")
    assert len(house.code) == 8


async def test_every_rejection_is_the_same(house):
    """Wrong, unknown, of another person, too old, used up, malformed: nobody learns which."""
    first = await house.start()
    code = house.code
    other = await house.start("+96599887766")
    errors = [
        await rejected(house, first.challenge, wrong(code)),
        await rejected(house, "rsd_chal_" + "0" * 64, code),
        await rejected(house, "nonsense", code),
        await rejected(house, first.challenge, ""),
        await rejected(house, first.challenge, "x" * 10_000),
    ]
    if house.code != code:
        errors.append(await rejected(house, other.challenge, code))
    house.clock.advance(CodeLimits().life_us)
    errors.append(await rejected(house, first.challenge, code))
    assert {(error.message, error.param, error.code, error.retry_after_s) for error in errors} == {
        (errors[0].message, None, "code_rejected", None)
    }


@ON_BOTH
async def test_a_code_has_five_guesses(house):
    started = await house.start()
    for _ in range(5):
        await rejected(house, started.challenge, wrong(house.code))
    await rejected(house, started.challenge, house.code)
    assert len(house.peppers.compared) == 5


@AT_ONCE
@pytest.mark.parametrize("waiting_max", [ATTEMPTS_WAITING_MAX, GUESSES])
async def test_a_thousand_guesses_at_once_are_five_comparisons(store, waiting_max):
    """Whichever worker they reach, also where none is turned away before the database is asked."""
    house = House(store, workers=store.workers, attempts_waiting_max=waiting_max)
    started = await house.start()
    house.peppers.compared.clear()
    guesses = [f"{number:06}" for number in range(GUESSES) if f"{number:06}" != house.code]

    async def guess(number: int, code: str) -> bool:
        door = in_turn(house.doors, number)
        try:
            await house.verify(started.challenge, code, door=door)
        except CodeRejected:
            return False
        return True

    got_in = await asyncio.gather(*(guess(number, code) for number, code in enumerate(guesses)))
    assert not any(got_in)
    assert 1 <= len(house.peppers.compared) <= 5
    # Whoever guesses one after the other gets what is left of the five, and no more.
    for number in range(10):
        assert not await guess(number, guesses[number])
    assert not await guess(0, house.code)
    assert len(house.peppers.compared) == 5


@ON_BOTH
async def test_a_new_code_does_not_forgive_wrong_guesses(house):
    """Ten in a day lock a number for an hour, over however many codes; then one more locks again."""
    for _ in range(2):
        started = await house.start()
        for _ in range(5):
            await rejected(house, started.challenge, wrong(house.code))
        house.clock.advance(MINUTE)
    locked = await house.start()
    await rejected(house, locked.challenge, house.code)
    assert len(house.peppers.compared) == 10  # the right code was not even looked at

    house.clock.advance(HOUR)
    started = await house.start()
    await rejected(house, started.challenge, wrong(house.code))
    await rejected(house, started.challenge, house.code)
    house.clock.advance(HOUR)
    started = await house.start()
    await house.verify(started.challenge, house.code)


async def test_right_codes_are_no_failures(house):
    for _ in range(12):
        await house.enter(address=ADDRESS)
        house.clock.advance(3 * HOUR)
    assert len(house.peppers.compared) == 12


async def test_a_network_has_thirty_wrong_guesses_an_hour(house):
    """Over as many numbers as it likes; another network is not concerned."""
    numbers = [far(number) for number in range(8)]
    guesses = 0
    started = None
    for to in numbers:
        started = await house.start(to, address=f"198.51.100.{guesses}")
        for _ in range(4):
            await rejected(house, started.challenge, wrong(house.code), address=f"192.0.2.{guesses % 10}")
            guesses += 1
    assert len(house.peppers.compared) == 30
    assert started is not None
    await rejected(house, started.challenge, house.code, address="192.0.2.1")
    await house.verify(started.challenge, house.code, address="198.51.100.1")


async def test_who_guesses_behind_the_same_provider_locks_no_neighbour_out(house):
    """A known device is not concerned at all, and a new one has a few guesses of its own."""
    mine = await house.enter(address="192.0.2.7")
    for number in range(8):
        started = await house.start(far(number), address=f"198.51.{number}.1")
        for _ in range(4):
            await rejected(house, started.challenge, wrong(house.code), address="192.0.2.66")
    assert len(house.peppers.compared) == 1 + 30
    new = await house.start(far(77), address="192.0.2.8")
    code = house.code
    for _ in range(3):
        await rejected(house, new.challenge, wrong(code), address="192.0.2.8")
    await rejected(house, new.challenge, code, address="192.0.2.8")
    await house.verify(new.challenge, code, address="192.0.2.9")  # still of the full network

    house.clock.advance(2 * MINUTE)
    known = await house.start(device_token=mine.device_token, address="192.0.2.66")
    await rejected(house, known.challenge, wrong(house.code), address="192.0.2.66")
    await house.verify(known.challenge, house.code, address="192.0.2.66")


async def test_codes_for_a_network_stop(store):
    """However many of its addresses ask; its known devices are not in their way, and have as many."""
    house = House(store, limits=CodeLimits(sends_from_network=(Window(3, HOUR), Window(5, DAY))))
    mine = await house.enter("mine@example.com", address="2001:db8:2::1")
    sent = []
    for hour in range(4):
        for number in range(4):
            with suppress(TooManyCodes):
                await house.start(f"{hour}.{number}@example.com", address=f"2001:db8:1:{hour}{number}::1")
                sent.append(hour)
        house.clock.advance(HOUR)
    assert sent == [0, 0, 0, 1, 1]
    for number in range(3):
        await house.start(
            "mine@example.com", device_token=mine.device_token, address=f"2001:db8:1:{number}::1"
        )
        house.clock.advance(MINUTE)
    await refused(house, "mine@example.com", device_token=mine.device_token, address="2001:db8:1:4::1")
    await refused(house, "other@example.com", address="2001:db8:1:fff0::1")
    await house.start("other@example.com", address="2001:db8:2::1")


@ON_BOTH
async def test_sends_to_one_number_stop_at_each_cap(house):
    """One a minute, five an hour, ten a day; whoever asks, and however the number is written."""
    times = []
    for step in range(25 * 6):
        with suppress(TooManyCodes):
            await house.start("5012 3456", address=f"198.51.{step}.1")
            times.append(10 * step)
        house.clock.advance(10 * MINUTE)
    assert times[:11] == [0, 10, 20, 30, 40, 60, 70, 80, 90, 100, 24 * 60]


async def test_a_minute_lies_between_two_codes(house):
    await house.start()
    house.clock.advance(MINUTE - 1)
    await refused(house)
    house.clock.advance(1)
    await house.start()


async def test_sends_from_one_address_stop(house):
    for number in range(5):
        await house.start(far(number))
    errors = [await refused(house, far(60)), await refused(house, "x@example.com")]
    house.clock.advance(10 * MINUTE)
    await house.start(far(60))
    assert {(error.message, error.retry_after_s) for error in errors} == {(errors[0].message, 60.0)}
    # It says the same to whoever asks for his own number too often.
    assert (await refused(house, far(60))).message == errors[0].message


async def test_a_flood_from_one_address_is_refused_without_the_database(house):
    for number in range(6):
        with suppress(TooManyCodes):
            await house.start(far(number))
    house.door.codes._database = None
    for number in range(100):
        await refused(house, f"+9655112{number:04}")
    # Others are asked for as before.
    with pytest.raises(AttributeError):
        await house.start(far(7), address="198.51.100.1")


async def test_a_subscriber_of_ipv6_is_one_address(house):
    for number in range(5):
        await house.start(far(number), address=f"2001:db8:0:1::{number}")
    await refused(house, far(6), address="2001:db8:0:1:ffff::1")
    await house.start(far(6), address="2001:db8:0:2::1")


async def test_what_becomes_of_codes_is_counted(house):
    outcomes: list[str] = []
    house.door.sign_in._desk._count = outcomes.append
    started = await house.start()
    await refused(house)
    await rejected(house, started.challenge, wrong(house.code))
    await rejected(house, "nonsense", house.code)
    await house.verify(started.challenge, house.code)
    assert outcomes == ["sent", "refused", "wrong", "wrong", "right"]


async def test_a_run_of_numbers_stops(house):
    """Twenty in ten minutes, from twenty addresses."""
    sent = 0
    for number in range(40):
        with suppress(TooManyCodes):
            await house.start(f"+9655012{number:04}", address=f"192.0.{number}.1")
            sent += 1
    assert sent == len(house.sent) == 20
    await house.start("+96550130000", address="198.51.100.9")


@AT_ONCE
async def test_a_run_of_numbers_at_once_stops(house):
    """From as many addresses, at every worker."""

    async def ask(number: int) -> bool:
        try:
            await in_turn(house.doors, number).sign_in.start(
                phone=f"+9655012{number:04}", email="", language="", address=f"192.0.{number}.1"
            )
        except TooManyCodes:
            return False
        return True

    answers = await asyncio.gather(*(ask(number) for number in range(50)))
    assert sum(answers) == len(house.sent) == 20


async def test_a_neighbourhood_that_reads_no_codes_is_blocked_for_a_day(house):
    for number in range(50):
        await house.start(f"+9655012{number:04}", address=f"192.0.{number}.1")
        house.clock.advance(MINUTE)
    await refused(house, "+96550129999", address="198.51.100.9")
    house.clock.advance(DAY - 2 * MINUTE)
    await refused(house, "+96550129999", address="198.51.100.9")
    house.clock.advance(2 * MINUTE)
    await house.start("+96550129999", address="198.51.100.9")


async def test_a_neighbourhood_of_people_is_not_blocked(house):
    for number in range(60):
        started = await house.start(f"+9655012{number:04}", address=f"192.0.{number}.1")
        if number % 3 == 0:
            await house.verify(started.challenge, house.code)
        house.clock.advance(MINUTE)
    assert len(house.sent) == 60


async def test_the_days_budget_is_a_hard_stop_with_an_alarm(store):
    """Strangers have four fifths of it; whoever was here before has the rest. Each channel has its own."""
    house = House(store, limits=CodeLimits(sends_of_all_per_day=5))
    mine = await house.enter()
    for number in range(1, 4):
        await house.start(far(number), address=f"192.0.{number}.1")
    assert len(house.alarms) == 1
    await refused(house, far(66), address="192.0.9.1")
    house.clock.advance(MINUTE)
    await house.start(device_token=mine.device_token)
    assert len(house.alarms) == 2
    house.clock.advance(MINUTE)
    await refused(house, device_token=mine.device_token)
    await house.start("ada@example.com", address="192.0.9.1")
    house.clock.advance(DAY)
    await house.start(far(66), address="192.0.9.1")


@AT_ONCE
async def test_a_flood_at_once_gets_one_code(house):
    async def ask(number: int) -> bool:
        try:
            await in_turn(house.doors, number).sign_in.start(
                phone=PHONE, email="", language="", address=f"192.0.{number}.1"
            )
        except (TooManyCodes, Overloaded):
            return False
        return True

    answers = await asyncio.gather(*(ask(number) for number in range(100)))
    assert sum(answers) == len(house.sent) == 1


async def test_a_known_device_is_not_locked_out_by_others(house):
    """Others use up a number's codes and guesses; its owner's browser has an allowance of its own."""
    mine = await house.enter()
    house.clock.advance(2 * MINUTE)
    for _ in range(2):
        started = await house.start(address="192.0.2.66")
        for _ in range(5):
            await rejected(house, started.challenge, wrong(house.code), address="192.0.2.66")
        house.clock.advance(MINUTE)
    stranger = await house.start(address="192.0.2.66")
    await rejected(house, stranger.challenge, house.code)

    known = await house.start(device_token=mine.device_token)
    await house.verify(known.challenge, house.code)
    # It is known for this number alone, and it has its own limits.
    assert (await refused(house, device_token=mine.device_token)).code == "too_many_codes"
    forged = mine.device_token[:-1] + ("0" if mine.device_token[-1] != "0" else "1")
    await refused(house, device_token=forged)


async def test_a_known_device_gets_its_code_where_strangers_took_all_of_an_address(house):
    """Many thousands of telephones are behind one address of their provider."""
    mine = await house.enter(address="192.0.2.66")
    house.clock.advance(20 * MINUTE)
    for number in range(5):
        await house.start(far(number))
    await refused(house, far(60))
    await house.start(device_token=mine.device_token)


async def test_nobody_looks_for_an_account_when_a_code_is_asked_for(house):
    """So that the time of the answer cannot tell whether there is one."""
    house.door.sign_in._store = None
    await house.start()
    assert len(house.sent) == 1


async def test_a_refused_number_costs_nobody_anything(house):
    for to in ("+9655", "nobody"):
        with pytest.raises(RequestInvalid):
            await house.start(to)
    assert house.sent == []
    await house.start()


@ON_BOTH
async def test_what_is_over_is_deleted(house):
    for number in range(3):
        await house.start(far(number), address=f"192.0.{number}.1")
    codes = house.door.codes
    assert await codes.purge(house.clock.now(), 100) == 0
    house.clock.advance(5 * MINUTE)
    assert await codes.purge(house.clock.now(), 2) == 2
    assert await codes.purge(house.clock.now(), 2) == 1
    house.clock.advance(4 * DAY)
    assert await codes.purge(house.clock.now(), 100) > 0
    assert await codes.purge(house.clock.now(), 100) == 0


async def test_no_code_and_no_strangers_number_is_in_the_database(house):
    started = await house.start()
    await rejected(house, started.challenge, wrong(house.code))

    def dump(connection) -> str:
        return "\n".join(
            repr(tuple(row)) for table in metadata.sorted_tables for row in connection.execute(select(table))
        )

    text = await house.store.database.read(dump)
    assert house.code not in text
    assert started.challenge not in text
    house.clock.advance(5 * MINUTE)
    await house.door.codes.purge(house.clock.now(), 100)
    text = await house.store.database.read(dump)
    assert PHONE not in text
    assert ADDRESS not in text


async def test_errors_and_reprs_hold_no_secret(house):
    started = await house.start()
    found: list[RaseedError] = [await rejected(house, started.challenge, wrong(house.code))]
    shown = " ".join([repr(started), *(repr(message) for message in house.sent), *map(str, found)])
    assert house.code not in shown
    assert started.challenge not in shown
    assert PHONE not in shown
    assert "code" in replace(house.sent[0]).parameters


def test_windows_are_what_the_limits_say():
    limits = CodeLimits()
    assert limits.sends_to_one == (Window(1, 60 * SECOND), Window(5, HOUR), Window(10, DAY))
