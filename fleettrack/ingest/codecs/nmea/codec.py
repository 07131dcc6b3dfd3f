"""The NMEA decoder: lines to identities and sentences, sentences to epochs, one set of epochs per identity."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from fleettrack.domain import fix
from fleettrack.ingest.codecs import decoder, framer
from fleettrack.ingest.codecs.nmea import bulk, envelope, epoch, fast, identity, sentence

LINE_LIMIT = 4096  # bytes; NMEA says 82, receivers and prefixes do not keep to it
IDENTITIES_LIMIT = 1024  # whose epochs one connection keeps apart; a gateway has tens

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

    @property
    def pending(self) -> int:
        """How many bytes wait for the end of their line."""
        return self._framer.size

    def feed(self, data: bytes, received_ms: int | None = None) -> list[fix.Message]:
        """Return the messages that these bytes complete."""
        if self._settings.reference_ms is None:
            self._reference_ms = received_ms
        out: list[fix.Message] = []
        lines = self._framer.feed(data)
        for line, plain in zip(lines, _plain(lines), strict=True):
            if isinstance(line, bytes):
                self._line(line, plain, out)
            else:
                out.append(line)
        if self._settings.datagram:
            out += self.flush()
        return out

    def quiet(self) -> list[fix.Message]:
        """Return what need not wait: also a last sentence that is whole but for its line end."""
        out: list[fix.Message] = []
        tail = self._framer.tail
        if tail:
            if not envelope.is_whole(tail):
                return out  # stalled amid a sentence, which may belong to the open epoch
            self._line(self._framer.take(), None, out)
        for assembler in self._assemblers.values():
            assembler.quiet(self._reference_ms, out)
        return out

    def flush(self) -> list[fix.Message]:
        """Return what is left, and begin anew."""
        out: list[fix.Message] = []
        self._line(self._framer.take(), None, out)
        for assembler in self._assemblers.values():
            assembler.flush(self._reference_ms, out)
        self._forget()
        return out

    def _line(self, line: bytes, plain: sentence.Sentence | None, out: list[fix.Message]) -> None:
        """Decode a line; `plain` is the sentence that ends it, where that is known already."""
        start = line.find(b"$")
        if plain is None and start >= 0:
            plain = fast.parse(line[start:])
        if plain is not None:
            named = identity.prefix(line[:start].decode("latin-1")) if start else self._current.tracker
            if named or not start:
                self._assembler(named, out).add(plain, self._reference_ms, out)
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

    def _login_line(self, line: bytes, out: list[fix.Message]) -> None:
        tracker = identity.login_line(line.decode("latin-1"))
        if tracker is None:
            out.append(_unreadable(line, "", self._current.tracker))
        else:
            self._log_in(tracker, out)

    def _sentence(self, piece: bytes, named: str | None, out: list[fix.Message]) -> None:
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

    def _assembler(self, tracker: str | None, out: list[fix.Message]) -> epoch.Assembler:
        """Return the epochs of a tracker; without an owner it speaks for what comes without an identity, too."""
        assembler = self._assemblers.get(tracker)
        if assembler is None:
            assembler = self._assemblers[tracker] = epoch.Assembler(tracker, self.counts)
            if len(self._assemblers) > IDENTITIES_LIMIT:
                oldest = next(t for t in self._assemblers if t != self._current.tracker)
                self._assemblers.pop(oldest).flush(self._reference_ms, out)
        if self._owner is None:
            self._current = assembler
        return assembler

    def _log_in(self, tracker: str, out: list[fix.Message]) -> None:
        """Make a tracker the sender of what follows, and of the open epoch when nobody has said who sent that."""
        out.append(fix.Status(tracker=tracker, kind="login"))
        if self._current.tracker is None and tracker not in self._assemblers:
            self._assemblers[tracker] = self._assemblers.pop(None)
            self._current.tracker = tracker
        self._owner = tracker
        self._current = self._assembler(tracker, out)


def _plain(lines: Sequence[bytes | fix.Reject]) -> Iterable[sentence.Sentence | None]:
    """Return for each line the sentence that ends it, as far as that can be told of many at once."""
    if len(lines) < bulk.LINES_FROM:
        return itertools.repeat(None, len(lines))
    return bulk.parse([line if isinstance(line, bytes) else b"" for line in lines])


def _unreadable(raw: bytes, detail: str, tracker: str | None) -> fix.Reject:
    return decoder.reject("malformed" if raw.isascii() else "encoding", raw, detail, tracker=tracker)
