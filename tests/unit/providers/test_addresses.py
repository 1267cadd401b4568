"""Where a configured URL may lead."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from raseed.adapters.addresses import CheckedResolver, may_connect, url_problem

PUBLIC = ["1.1.1.1", "140.82.121.3", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"),
    *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
]
NEVER = [
    *("169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "ff02::1"),
    *("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "240.0.0.1", "255.255.255.255"),
    *(
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "2001:db8::1",
        "198.51.100.1",
        "no",
    ),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert may_connect(address, allow_private=False)
    assert may_connect(address, allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private(address: str) -> None:
    assert not may_connect(address, allow_private=False)
    assert may_connect(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_never(address: str) -> None:
    """Whatever the operator says: nothing that is served there speaks for a model."""
    assert not may_connect(address, allow_private=False)
    assert not may_connect(address, allow_private=True)


@pytest.mark.parametrize(
    ("url", "is_good", "is_good_in_private"),
    [
        ("https://api.example.com/v1", True, True),
        ("https://1.1.1.1", True, True),
        ("http://api.example.com", False, True),
        ("http://127.0.0.1:8000/v1", False, True),
        ("https://[::1]:8000", False, True),
        ("http://169.254.169.254/latest", False, False),
        ("https://user:secret@example.com", False, False),
        ("https://example.com?key=1", False, False),
        ("ftp://example.com", False, False),
        ("https://", False, False),
        ("https://example.com:no", False, False),
        ("example.com", False, False),
    ],
)
def test_urls(url: str, is_good: bool, is_good_in_private: bool) -> None:
    problems = [url_problem(url, allow_private=private) for private in (False, True)]
    assert [problem is None for problem in problems] == [is_good, is_good_in_private]
    assert not any("secret" in problem for problem in problems if problem)


class Names(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


async def test_a_name_is_resolved_once_and_what_may_not_be_is_left_out() -> None:
    names = Names("169.254.169.254", "1.1.1.1", "10.0.0.1")
    found = await CheckedResolver(allow_private=False, inner=names).resolve("rebinding.example")
    assert [each["host"] for each in found] == ["1.1.1.1"]
    assert names.asked == 1
    with pytest.raises(OSError, match="no address"):
        await CheckedResolver(allow_private=False, inner=Names("10.0.0.1")).resolve("inside.example")
