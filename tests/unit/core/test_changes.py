"""The feed of changes: what a worker forgets, and when it stops believing what it remembers."""

from collections.abc import Sequence

from raseed.core.changes import LOOK_BACK, Change, ChangeFollower


class Feed:
    def __init__(self) -> None:
        self.rows: list[Change] = []

    async def changes_after(self, seq: int) -> Sequence[Change]:
        return sorted((row for row in self.rows if row.seq > seq), key=lambda row: row.seq)

    async def last_seq(self) -> int:
        return max((row.seq for row in self.rows), default=0)


class Caches:
    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.confirmed = 0

    def confirm(self) -> None:
        self.confirmed += 1


def following(feed: Feed, caches: Caches) -> ChangeFollower:
    return ChangeFollower(feed, {"key": caches.forgotten.append}, caches.confirm, print)


async def test_each_change_is_heard_once() -> None:
    feed, caches = Feed(), Caches()
    follower = following(feed, caches)
    await follower.start()
    feed.rows += [Change(1, "key", "a"), Change(2, "key", "b")]
    await follower.poll()
    await follower.poll()
    assert caches.forgotten == ["a", "b"]
    assert caches.confirmed == 3


async def test_what_was_there_before_is_not_heard() -> None:
    feed, caches = Feed(), Caches()
    feed.rows.append(Change(7, "key", "old"))
    follower = following(feed, caches)
    await follower.start()
    await follower.poll()
    assert caches.forgotten == []


async def test_a_lower_number_that_commits_later_is_heard() -> None:
    feed, caches = Feed(), Caches()
    follower = following(feed, caches)
    await follower.start()
    feed.rows.append(Change(2, "key", "second"))
    await follower.poll()
    feed.rows.append(Change(1, "key", "first"))
    await follower.poll()
    assert caches.forgotten == ["second", "first"]


async def test_a_lower_number_that_commits_after_the_start_is_heard() -> None:
    feed, caches = Feed(), Caches()
    feed.rows.append(Change(2, "key", "second"))
    follower = following(feed, caches)
    await follower.start()
    feed.rows.append(Change(1, "key", "first"))
    await follower.poll()
    assert caches.forgotten == ["first"]


async def test_memory_is_bounded_and_nothing_is_heard_twice() -> None:
    feed, caches = Feed(), Caches()
    follower = following(feed, caches)
    await follower.start()
    for seq in range(1, 4 * LOOK_BACK):
        feed.rows.append(Change(seq, "key", str(seq)))
        await follower.poll()
    assert caches.forgotten == [str(seq) for seq in range(1, 4 * LOOK_BACK)]
    assert len(await feed.changes_after(follower._floor)) <= LOOK_BACK


async def test_an_unknown_kind_is_passed_over() -> None:
    feed, caches = Feed(), Caches()
    follower = following(feed, caches)
    await follower.start()
    feed.rows.append(Change(1, "price", "x"))
    await follower.poll()
    assert caches.forgotten == []
    assert caches.confirmed == 2
