"""ClickHouse's HTTP protocol in front of chdb, which is ClickHouse in a package: `python chdb_server.py FOLDER`.

Prints its port. Statements run one at a time. What it lacks of a server: users, grants, constraints, compression, and
an answer that begins before the statement ends.
"""

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session  # type: ignore[import-not-found]  # in an environment of its own

OWN = frozenset({"query", "database", "default_format", "query_id", "session_id", "user", "password", "compress"})
FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
CODE = re.compile(r"Code: (\d+)")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    session: Any
    lock = Lock()

    def do_POST(self) -> None:
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        sql = "\n".join(filter(None, (given.get("query"), body)))
        found = FORMAT.search(sql)
        form = found[1] if found else given.get("default_format", "TabSeparated")
        settings = {name: value for name, value in given.items() if name not in OWN and not name.startswith("client_")}
        settings.pop("enable_http_compression", None)
        settings.pop("wait_end_of_query", None)  # of the protocol, not of the statement
        try:
            with self.lock:
                answer, status = self._run(FORMAT.sub("", sql), form, given.get("database", ""), settings), 200
        except Exception as error:  # noqa: BLE001 - told to the client, as the server does
            answer, status = str(error).encode(), 500
            with self.lock:
                self.session.query("SELECT 1", "TabSeparated")  # chdb puts what the failed one left before this answer
        self.send_response(status)
        self.send_header("X-ClickHouse-Format", form)
        self.send_header("X-ClickHouse-Timezone", "America/New_York")
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", (CODE.search(answer.decode()) or ["", "0"])[1])
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - as the base class calls it

    def _run(self, sql: str, form: str, database: str, settings: dict[str, str]) -> bytes:
        if database and database != "__default__":
            self.session.query(f"USE `{database}`")
        if settings and sql.lstrip().upper().startswith(("SELECT", "WITH")):
            told = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
            sql = f"{sql} SETTINGS {told}"
        answer: bytes = self.session.query(sql, form).bytes()
        return answer

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main(folder: str) -> None:
    Handler.session = Session(folder)
    Handler.session.query("SET session_timezone = 'America/New_York'")  # a server that is not in UTC
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
