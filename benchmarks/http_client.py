"""One keep-alive connection to the service's HTTP interface."""

from __future__ import annotations

import http.client
import json
from typing import Any

PREFIX = "/api/v1"
TIMEOUT_S = 300.0


class Client:
    """Posts one body after the other. To be closed."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._token = token

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def post(self, path: str, body: object, *, status: int = 200, kind: str = "application/json") -> Any:
        """Return the answer; anything but the expected status is an error. Bytes go as they are, the rest as JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        self._connection.request("POST", PREFIX + path, sent, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != status:
            raise RuntimeError(f"POST {path}: {response.status} {answer[:500].decode(errors='replace')}")
        return json.loads(answer)
