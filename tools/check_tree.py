"""Check what no linter checks: `python tools/check_tree.py` lists each breach in the files git knows, and exits 1.

- A source file past 400 lines holds two ideas.
- No file names a package registry's host or a folder of one machine: neither is there for the next reader.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 400
SOURCES = {".py", ".sql", ".ts", ".tsx", ".css", ".html", ".sh", ""}  # "": Makefile, .ci/run
EXEMPT = {"LICENSE"}
ELSEWHERE = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|crates|golang|maven(?:\.apache)?|deb\.debian)\.(?:org|io)\b"
    r"|(?<![\w.~>-])/(?:work|root|home/\w+|Users/\w+)/"
)


def breaches(path: Path, text: str) -> Iterator[str]:
    """Yield one line for each breach in this file."""
    lines = text.splitlines()
    if path.suffix in SOURCES and len(lines) > MAX_LINES:
        yield f"{path}: {len(lines)} lines, more than {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        if found := ELSEWHERE.search(line):
            yield f"{path}:{number}: names {found[0]}, a registry or a folder of one machine"


def main() -> int:
    """Check every file that git tracks."""
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout.split("\0")
    found = 0
    for path in map(Path, filter(None, tracked)):
        if path.name in EXEMPT or not path.is_file():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:  # a picture, a map
            continue
        for breach in breaches(path, text):
            print(breach)
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
