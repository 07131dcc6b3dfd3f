from __future__ import annotations

import asyncio
import sqlite3

import pytest
from recording import parcel, ping

from fleettrack.domain import errors
from fleettrack.ingest import spool

ROOM = 1 << 20


async def opened(folder, limit=ROOM, **options):
    store = spool.Spool(folder, limit, **options)
    await store.open()
    return store


def trackers(stored):
    return [s.parcel.messages[0].tracker for s in stored]


async def test_deliveries_come_out_in_the_order_they_went_in(tmp_path):
    store = await opened(tmp_path)
    await asyncio.gather(*(store.put(parcel(ping(f"t{i}")), b"raw") for i in range(20)))
    assert store.waiting == 20
    assert trackers(await store.first(messages=5)) == [f"t{i}" for i in range(5)]
    await store.remove(await store.first(messages=15))
    assert trackers(await store.first(messages=100)) == [f"t{i}" for i in range(15, 20)]
    await store.close()


async def test_what_waits_survives_the_process(tmp_path):
    store = await opened(tmp_path)
    sent = parcel(ping("a"), ping("b"), received_ms=42)
    await store.put(sent, b"bytes as they came")
    await store.close()
    again = await opened(tmp_path)
    assert (again.waiting, again.oldest_ms, again.holding) == (1, 42, True)
    (stored,) = await again.first(10)
    assert stored.parcel.messages == list(sent.messages)
    assert stored.parcel.sender == sent.sender
    await again.close()


async def test_the_oldest_receive_time_that_waits_is_known(tmp_path):
    store = await opened(tmp_path)
    assert store.oldest_ms is None
    await store.put(parcel(received_ms=30), b"")
    await store.put(parcel(received_ms=20), b"")
    await store.put(parcel(received_ms=40), b"")
    assert store.oldest_ms == 20
    await store.remove(await store.first(2))
    assert store.oldest_ms == 40
    await store.remove(await store.first(1))
    assert store.oldest_ms is None
    assert not store.holding
    await store.close()


async def test_a_full_spool_takes_nothing_until_there_is_room_again(tmp_path):
    store = await opened(tmp_path, limit=3000)
    while not store.full:
        await store.put(parcel(), bytes(500))
    taken = store.waiting
    with pytest.raises(spool.Full):
        await store.put(parcel(), b"")
    assert store.waiting == taken
    await store.remove(await store.first(1))
    await store.wait_room()
    await store.put(parcel(), b"")
    await store.close()


async def test_the_bound_counts_what_an_earlier_process_left(tmp_path):
    store = await opened(tmp_path, limit=2000)
    await store.put(parcel(), bytes(5000))
    size = store.bytes
    await store.close()
    again = await opened(tmp_path, limit=2000)
    assert again.full
    assert again.bytes == size
    await again.remove(await again.first(1))
    assert again.bytes == 0
    assert not again.full
    await again.close()


async def test_what_is_set_aside_leaves_the_queue_and_is_tried_again_at_the_next_start(tmp_path):
    store = await opened(tmp_path)
    await store.put(parcel(ping("bad")), b"")
    await store.put(parcel(ping("good")), b"")
    await store.put(parcel(ping("known bad")), b"", fault="it was tried")
    (bad, *_) = await store.first(1)
    await store.set_aside(bad.number, "why")
    assert trackers(await store.first(10)) == ["good"]
    assert (store.waiting, store.aside) == (1, 2)
    await store.close()
    again = await opened(tmp_path)
    assert trackers(await again.first(10)) == ["bad", "good", "known bad"]
    await again.close()


async def test_what_cannot_be_unpacked_does_not_block_the_queue(tmp_path):
    store = await opened(tmp_path)
    await store.put(parcel(ping("old version")), b"")
    await store.put(parcel(ping("this version")), b"")
    await store.close()
    with sqlite3.connect(tmp_path / spool.FILE) as db:
        db.execute("UPDATE parcel SET body = x'c1' WHERE id = 1")
    db.close()
    again = await opened(tmp_path)
    assert trackers(await again.first(1)) == ["this version"]
    assert (again.waiting, again.aside) == (1, 1)
    await again.close()


async def test_a_second_process_is_kept_out(tmp_path):
    store = await opened(tmp_path)
    await store.put(parcel(), b"")
    with pytest.raises(errors.Invalid, match="in use"):
        await opened(tmp_path)
    await store.close()


async def test_a_damaged_file_is_not_overwritten(tmp_path):
    (tmp_path / spool.FILE).write_bytes(b"this is no database" * 100)
    with pytest.raises(errors.Invalid, match="move it away"):
        await opened(tmp_path)
    assert (tmp_path / spool.FILE).read_bytes().startswith(b"this is no database")


async def test_a_disk_that_refuses_is_a_full_spool_and_is_counted(tmp_path, monkeypatch):
    faults = []
    store = await opened(tmp_path, on_fault=lambda: faults.append(1))

    def refuse(rows):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(store._file, "append", refuse)
    with pytest.raises(spool.Full):
        await store.put(parcel(), b"")
    assert faults == [1]
    assert not store.holding
    monkeypatch.undo()
    await store.put(parcel(), b"")
    assert store.waiting == 1
    await store.close()


async def test_closing_waits_for_what_is_being_written(tmp_path):
    store = await opened(tmp_path)
    puts = [asyncio.create_task(store.put(parcel(), b"")) for _ in range(10)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*puts)
    again = await opened(tmp_path)
    assert again.waiting == 10
    await again.close()


async def test_nobody_else_may_read_it(tmp_path):
    tmp_path.joinpath(spool.FILE).touch(0o644)
    store = await opened(tmp_path)
    await store.put(parcel(), b"id~secret")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) > 1  # its log too
    await store.close()
