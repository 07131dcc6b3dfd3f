"""The NMEA decoder: lines to identities and sentences, sentences to epochs, one set of epochs per identity."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from fleettrack.domain import fix, fixes
from fleettrack.ingest.codecs import decoder, framer
from fleettrack.ingest.codecs.nmea import bulk, envelope, epoch, fast, identity, sentence

LINE_LIMIT = 4096  # bytes; NMEA says 82, receivers and prefixes do not keep to it
IDENTITIES_LIMIT = 1024  # whose epochs one connection keeps apart; a gateway has tens

RUN_FROM = 16  # so many sentences are worth columns
_ADDRESS_END = len("$GPRMC")

_BOM = b"\xef\xbb\xbf"
_ADDRESS = re.compile(r"[A-Z0-9]{3,12}(?=,|$)|P[A-Z]{3}")  # talker and type, or a maker's own


class Decoder:
    """Decodes the NMEA of one connection, file or, with `settings.datagram`, of one datagram at a time."""

    def __init__(self, settings: decoder.Settings) -> None:
        self.counts = decoder.Counts()
        self._settings = settings
        self._forget()

    def _forget(self) -> None:
        self._framer = framer.Framer(LINE_LIMIT, carriage=True)
        self._reference_ms = self._settings.reference_ms
        self._owner = self._settings.tracker  # by setting or login: sentences without an identity are its
        self._current = epoch.Assembler(self._owner, self.counts)  # for sentences without an identity
        self._assemblers = {self._owner: self._current}
        self._plainly: dict[bytes, epoch.Assembler] = {}  # by what plain sentences begin with, up to their type

    @property
    def pending(self) -> int:
        """How many bytes wait for the end of their line."""
        return self._framer.size

    def feed(self, data: bytes, received_ms: int | None = None) -> fixes.Messages:
        """Return the messages that these bytes complete."""
        if self._settings.reference_ms is None:
            self._reference_ms = received_ms
        out = fixes.Messages()
        lines = self._framer.feed(data)
        if len(lines) < bulk.LINES_FROM:
            for line in lines:
                self._line(line, None, out)
        else:
            self._many(lines, out)
        if self._settings.datagram:
            out += self.flush()
        return out

    def _many(self, lines: Sequence[bytes | fix.Reject], out: fixes.Messages) -> None:
        """Decode lines: runs of plain sentences that are an epoch each on columns, what lies between one by one."""
        plain = bulk.Plain([line if isinstance(line, bytes) else b"" for line in lines])
        dollars, i = plain.dollars(self._reference_ms), 0
        while i < len(lines):
            run = self._run(lines, dollars, i)
            if len(run) < RUN_FROM:
                after = min(i + len(run) + 1, len(lines))
                for n in range(i, after):
                    self._line(lines[n], plain.sentence(n), out)
                i = after
                continue
            out.append_run(plain.fixes(i, [assembler.tracker for assembler in run]))
            for assembler, n in dict(zip(run, itertools.count(i), strict=False)).items():
                last = plain.sentence(n)
                assert last is not None  # no other is in a run
                assembler.add(last, self._reference_ms, fixes.Messages())  # its fix is out, its trace is left
            if self._owner is None:
                self._current = run[-1]
            i += len(run)

    def _run(self, lines: Sequence[bytes | fix.Reject], dollars: list[int], start: int) -> list[epoch.Assembler]:
        """Return whose the lines from `start` on are, as long as each is plain and an epoch of its own."""
        run: list[epoch.Assembler] = []
        ready: dict[bytes, epoch.Assembler] = {}
        for n in range(start, len(lines)):
            if dollars[n] < 1:
                break
            head = lines[n][: dollars[n] + _ADDRESS_END]  # type: ignore[index]  # of a reject nothing is said
            assembler = ready.get(head)
            if assembler is None:
                assembler = self._plainly.get(head)
                if assembler is None or not assembler.ends_with(head[dollars[n] + 1 :].decode()):
                    break
                ready[head] = assembler
            run.append(assembler)
        return run

    def quiet(self) -> fixes.Messages:
        """Return what need not wait: also a last sentence that is whole but for its line end."""
        out = fixes.Messages()
        tail = self._framer.tail
        if tail:
            if not envelope.is_whole(tail):
                return out  # stalled amid a sentence, which may belong to the open epoch
            self._line(self._framer.take(), None, out)
        for assembler in self._assemblers.values():
            assembler.quiet(self._reference_ms, out)
        return out

    def flush(self) -> fixes.Messages:
        """Return what is left, and begin anew."""
        out = fixes.Messages()
        self._line(self._framer.take(), None, out)
        for assembler in self._assemblers.values():
            assembler.flush(self._reference_ms, out)
        self._forget()
        return out

    def _line(self, line: bytes | fix.Reject, plain: sentence.Sentence | None, out: fixes.Messages) -> None:
        """Decode a line; `plain` is the sentence that ends it, where that is known already."""
        if isinstance(line, fix.Reject):
            out.append(line)
            return
        start = line.find(b"$")
        if plain is None and start >= 0:
            plain = fast.parse(line[start:])
        if plain is not None:
            named = identity.prefix(line[:start].decode("latin-1")) if start else self._current.tracker
            if named or not start:
                assembler = self._assembler(named, out)
                assembler.add(plain, self._reference_ms, out)
                if start and len(self._plainly) < IDENTITIES_LIMIT:
                    self._plainly[line[: start + _ADDRESS_END]] = assembler
                return
        line = line.strip(b" \t\0").removeprefix(_BOM)
        if not line or line.startswith((b"#", b"!")):  # comments of recordings, other vessels' positions
            self.counts.skipped += bool(line)
            return
        head, *pieces = line.split(b"$")  # a cut sentence may be followed by the next one on its line
        named = None
        if not pieces:
            self._login_line(line, out)
        elif head:
            named = identity.prefix(head.decode("latin-1"))
            if named is None:
                out.append(_unreadable(head, "What stands before the sentence is no identity.", None))
        for piece in pieces:
            self._sentence(piece, named, out)
            named = None

    def _login_line(self, line: bytes, out: fixes.Messages) -> None:
        tracker = identity.login_line(line.decode("latin-1"))
        if tracker is None:
            out.append(_unreadable(line, "", self._current.tracker))
        else:
            self._log_in(tracker, out)

    def _sentence(self, piece: bytes, named: str | None, out: fixes.Messages) -> None:
        """Decode one sentence without its `$`; `named` is the identity that stood before it."""
        raw, tracker = b"$" + piece, named or self._current.tracker
        try:
            opened = envelope.unwrap(piece, named, self._current.tracker, self._settings)
            tracker = opened.tracker
            login = identity.login_sentence(opened.text)
            if login is not None:
                self._log_in(login, out)
                return
            address = _ADDRESS.match(opened.text)
            if address is None:
                raise decoder.Refusal("malformed")
            if not sentence.is_used(address[0]):
                self.counts.skipped += 1
                return
            parsed = opened.add_to(sentence.parse(address[0], opened.text, raw))
        except decoder.Refusal as refusal:
            out.append(decoder.reject(refusal.reason, raw, refusal.detail, tracker=tracker))
            return
        self._assembler(tracker, out).add(parsed, self._reference_ms, out)

    def _assembler(self, tracker: str | None, out: fixes.Messages) -> epoch.Assembler:
        """Return the epochs of a tracker; without an owner it speaks for what comes without an identity, too."""
        assembler = self._assemblers.get(tracker)
        if assembler is None:
            assembler = self._assemblers[tracker] = epoch.Assembler(tracker, self.counts)
            if len(self._assemblers) > IDENTITIES_LIMIT:
                oldest = next(t for t in self._assemblers if t != self._current.tracker)
                self._assemblers.pop(oldest).flush(self._reference_ms, out)
                self._plainly.clear()
        if self._owner is None:
            self._current = assembler
        return assembler

    def _log_in(self, tracker: str, out: fixes.Messages) -> None:
        """Make a tracker the sender of what follows, and of the open epoch when nobody has said who sent that."""
        out.append(fix.Status(tracker=tracker, kind="login"))
        if self._current.tracker is None and tracker not in self._assemblers:
            self._assemblers[tracker] = self._assemblers.pop(None)
            self._current.tracker = tracker
        self._owner = tracker
        self._current = self._assembler(tracker, out)


def _unreadable(raw: bytes, detail: str, tracker: str | None) -> fix.Reject:
    return decoder.reject("malformed" if raw.isascii() else "encoding", raw, detail, tracker=tracker)
