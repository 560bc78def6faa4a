# ruff: noqa: N802 - the protocol's own names
"""Databricks' way to talk, in front of Spark's own Thrift server: what databricks-sql-connector needs beyond Hive's.

It has TLS, tokens, and tokens for service principals; a session that begins in a catalog and a schema, and in the zone
that is asked for; results as Arrow, within the answer of the statement, in parts, or as links to files (Cloud Fetch);
errors as their conditions alone; and the information schema of Unity Catalog, which Spark has not. What a statement
means, and whether it is one, is Spark's.
"""

import json
import re
import ssl
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from typing import Any

import lz4.frame
import pyarrow as pa
from arrow_results import INLINE, LINKS, as_file, batch_of, inline, with_arrow
from databricks.sql.thrift_api.TCLIService import TCLIService
from databricks.sql.thrift_api.TCLIService.ttypes import (
    TCancelOperationReq,
    TCloseOperationReq,
    TCloseOperationResp,
    TCloseSessionReq,
    TExecuteStatementReq,
    TExecuteStatementResp,
    TFetchOrientation,
    TFetchResultsReq,
    TFetchResultsResp,
    TGetOperationStatusReq,
    TGetOperationStatusResp,
    TGetResultSetMetadataReq,
    TGetResultSetMetadataResp,
    TOpenSessionReq,
    TOpenSessionResp,
    TOperationState,
    TProtocolVersion,
    TRowSet,
    TSessionHandle,
    TSparkArrowResultLink,
    TSparkDirectResults,
    TStatus,
    TStatusCode,
)
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.THttpClient import THttpClient
from thrift.transport.TTransport import TMemoryBuffer

TOKEN = "dapi-of-the-test"
PRINCIPAL = "principal:secret-of-the-principal"
CATALOG = "spark_catalog"
"""The only one that Spark has by itself."""
WAREHOUSE = "/sql/1.0/warehouses/of-the-test"
_CONDITION = re.compile(r"\[[A-Z][A-Z_]+(?:\.[A-Z_]+)?\] (?!org\.apache)[\s\S]*?(?:SQLSTATE: \w{5}|\n|$)")
"""The part of Spark's message, which names its classes, that Databricks shows."""
_PLAIN_NAMES = {"BIGINT": "LONG", "SMALLINT": "SHORT", "TINYINT": "BYTE"}
"""Spark's names of types -> those of Unity Catalog's information schema."""
_CATALOG_SCHEMA = "information_schema"


@dataclass
class Gateway:
    """What answers, and what a test lets it do."""

    spark: int
    """The port of Spark's Thrift server, over HTTP."""
    authority: Path
    """The file with the certificate of who signed this one's."""
    port: int = 0
    part: int = 100_000
    """Rows of one part of a result, at most."""
    by_links: bool = False
    """Whether results are links to files."""
    forbidden: set[str] = field(default_factory=set)
    """Tables that the user may not read: Spark has no rights."""
    cancel: bool = False
    """Whether somebody ends each statement as soon as it runs."""
    slow: float = 0.0
    """Seconds until a file comes."""
    lost: Callable[[int], int] = lambda _: 200
    """The number of a file, from 0 -> the status of the answer to whoever fetches it."""
    drop: set[int] = field(default_factory=set)
    """The numbers of the answers to FetchResults, from 1, that get lost on their way."""
    changed: bool = True
    """Whether there are other tables than the information schema knows."""
    statements: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """The paths that were asked for."""
    files: dict[str, bytes] = field(default_factory=dict)
    rows_asked: list[int] = field(default_factory=list)
    bytes_asked: list[int] = field(default_factory=list)

    def forget(self) -> None:
        """As it was before a test."""
        self.part, self.by_links, self.cancel, self.slow, self.lost = 100_000, False, False, 0.0, lambda _: 200
        for seen in (
            self.drop,
            self.forbidden,
            self.statements,
            self.asked,
            self.files,
            self.rows_asked,
            self.bytes_asked,
        ):
            seen.clear()

    @property
    def url(self) -> str:
        return f"databricks://token:{TOKEN}@127.0.0.1?http_path={WAREHOUSE}&catalog={CATALOG}&schema=events"

    @property
    def arguments(self) -> dict[str, Any]:
        """What [source.connect] needs here."""
        return {"_port": self.port, "_tls_trusted_ca_file": str(self.authority)}

    def run(self, *statements: str) -> None:
        """Statements of the test, past the driver."""
        self.rows(*statements)

    def rows(self, *statements: str) -> list[tuple[str, ...]]:
        """What the last of them yields, as texts."""
        found: list[tuple[str, ...]] = []
        spark = self.client()
        version = TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V8
        session = spark.OpenSession(TOpenSessionReq(client_protocol=version)).sessionHandle
        self.changed = True
        for statement in statements:
            found = run(spark, session, statement)
        spark.CloseSession(TCloseSessionReq(session))
        return found

    def client(self) -> "Spark":
        return Spark(self.spark)


class Spark:
    """Spark's own calls, each over a connection of its own: what a statement waits for keeps no other one up."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/cliservice"

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        def call(request: Any) -> Any:  # noqa: ANN401 - generated code
            transport = THttpClient(self._url)
            transport.setCustomHeaders({"Authorization": "Basic " + b64encode(b"reader:none").decode()})
            try:
                return getattr(TCLIService.Client(TBinaryProtocol(transport)), name)(request)
            finally:
                transport.close()

        return call


@dataclass
class Result:
    """One statement's."""

    metadata: TGetResultSetMetadataResp
    offset: int = 0
    compressed: bool = False


class Service:
    """The calls of the protocol. What is not here is answered as an error of the protocol."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._results: dict[bytes, Result] = {}

    def OpenSession(self, req: TOpenSessionReq) -> TOpenSessionResp:
        place = req.initialNamespace
        if place is not None and place.catalogName not in (None, CATALOG):
            message = f"[NO_SUCH_CATALOG_EXCEPTION] Catalog '{place.catalogName}' was not found. SQLSTATE: 42704"
            return TOpenSessionResp(status=_failed(message), serverProtocolVersion=_VERSION)
        schema = {"use:database": place.schemaName} if place is not None and place.schemaName else {}
        answer = self._gateway.client().OpenSession(
            TOpenSessionReq(client_protocol=TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V8, configuration=schema)
        )
        if answer.status.statusCode not in _FINE:
            answer.status = _failed(condition(answer.status.errorMessage))
        else:
            zone = {name.lower(): value for name, value in (req.configuration or {}).items()}.get("timezone")
            if zone:
                run(self._gateway.client(), answer.sessionHandle, f"SET TIME ZONE '{zone}'")
            answer.sessionHandle.serverProtocolVersion = _VERSION
        answer.serverProtocolVersion = _VERSION
        answer.canUseMultipleCatalogs, answer.initialNamespace = True, place
        return answer

    def CloseSession(self, req: Any) -> Any:  # noqa: ANN401 - generated code
        return self._gateway.client().CloseSession(req)

    def ExecuteStatement(self, req: TExecuteStatementReq) -> TExecuteStatementResp:
        gateway, spark = self._gateway, self._gateway.client()
        gateway.statements.append(req.statement)
        if _CATALOG_SCHEMA in req.statement and gateway.changed:
            gateway.changed = False
            show_catalog(spark, req.sessionHandle)
        answer = spark.ExecuteStatement(
            TExecuteStatementReq(sessionHandle=req.sessionHandle, statement=req.statement, runAsync=True)
        )
        if answer.status.statusCode not in _FINE:
            answer.status = _failed(condition(answer.status.errorMessage))
            return answer
        if gateway.cancel and req.statement.startswith("SELECT") and _CATALOG_SCHEMA not in req.statement:
            spark.CancelOperation(TCancelOperationReq(answer.operationHandle))
        answer.directResults = self._direct(answer.operationHandle, req)
        return answer

    def GetOperationStatus(self, req: TGetOperationStatusReq) -> TGetOperationStatusResp:
        answer = self._gateway.client().GetOperationStatus(req)
        if answer.operationState == TOperationState.ERROR_STATE:
            answer.displayMessage = condition(answer.errorMessage)
        return answer

    def GetResultSetMetadata(self, req: TGetResultSetMetadataReq) -> TGetResultSetMetadataResp:
        return self._described(req.operationHandle, compressed=True)

    def FetchResults(self, req: TFetchResultsReq) -> TFetchResultsResp:
        gateway = self._gateway
        gateway.rows_asked.append(req.maxRows)
        gateway.bytes_asked.append(req.maxBytes)
        result = self._results[req.operationHandle.operationId.guid]
        most = min(req.maxRows, gateway.part)
        asked = TFetchResultsReq(req.operationHandle, TFetchOrientation.FETCH_NEXT, most)
        answer = gateway.client().FetchResults(asked)
        if answer.status.statusCode not in _FINE:
            answer.status = _failed(condition(answer.status.errorMessage))
            return answer
        batch = batch_of(answer, result.metadata.schema)
        pack = lz4.frame.compress if result.compressed else bytes
        answer.results = self._linked(batch, result, pack) if gateway.by_links else inline(batch, result.offset, pack)
        answer.hasMoreRows = batch.num_rows == most
        answer.resultSetMetadata = result.metadata
        result.offset += batch.num_rows
        return answer

    def CloseOperation(self, req: TCloseOperationReq) -> TCloseOperationResp:
        self._results.pop(req.operationHandle.operationId.guid, None)
        return self._gateway.client().CloseOperation(req)

    def CancelOperation(self, req: TCancelOperationReq) -> Any:  # noqa: ANN401 - generated code
        return self._gateway.client().CancelOperation(req)

    def _direct(self, handle: Any, req: TExecuteStatementReq) -> TSparkDirectResults:  # noqa: ANN401
        """What comes with the answer to a statement that is done soon: as in Databricks, its first rows."""
        name = next((table for table in self._gateway.forbidden if table in req.statement), None)
        if name is not None and _CATALOG_SCHEMA not in req.statement:
            message = f"[INSUFFICIENT_PERMISSIONS] User does not have SELECT on Table '{name}'. SQLSTATE: 42501"
            status = TGetOperationStatusResp(status=_done(), operationState=TOperationState.ERROR_STATE)
            status.displayMessage = message
            return TSparkDirectResults(operationStatus=status)
        status = self.GetOperationStatus(TGetOperationStatusReq(handle))
        direct = TSparkDirectResults(operationStatus=status)
        if status.operationState == TOperationState.FINISHED_STATE and req.getDirectResults is not None:
            wanted = req.getDirectResults
            direct.resultSetMetadata = self._described(handle, compressed=bool(req.canDecompressLZ4Result))
            direct.resultSet = self.FetchResults(
                TFetchResultsReq(handle, maxRows=wanted.maxRows, maxBytes=wanted.maxBytes)
            )
            if not direct.resultSet.hasMoreRows:
                direct.closeOperation = self.CloseOperation(TCloseOperationReq(handle))
        return direct

    def _described(self, handle: Any, *, compressed: bool) -> TGetResultSetMetadataResp:  # noqa: ANN401
        answer = self._gateway.client().GetResultSetMetadata(TGetResultSetMetadataReq(handle))
        if answer.status.statusCode not in _FINE:
            answer.status = _failed(condition(answer.status.errorMessage))
            return answer
        form = LINKS if self._gateway.by_links else INLINE
        self._results[handle.operationId.guid] = Result(
            with_arrow(answer, form, compressed=compressed), compressed=compressed
        )
        return answer

    def _linked(self, batch: pa.RecordBatch, result: Result, pack: Callable[[bytes], bytes]) -> TRowSet:
        if not batch.num_rows:
            return TRowSet(startRowOffset=result.offset, rows=[], resultLinks=[])
        name, file = uuid.uuid4().hex, as_file(batch)
        self._gateway.files[name] = pack(file)
        link = TSparkArrowResultLink(
            fileLink=f"https://127.0.0.1:{self._gateway.port}/files/{name}?signature=secret-of-a-link",
            expiryTime=int(time.time()) + 900,
            startRowOffset=result.offset,
            rowCount=batch.num_rows,
            bytesNum=len(file),
        )
        return TRowSet(startRowOffset=result.offset, rows=[], resultLinks=[link])


def run(spark: Spark, session: TSessionHandle, statement: str) -> list[tuple[str, ...]]:
    """The rows of a statement of our own, whose columns are texts."""
    answer = spark.ExecuteStatement(TExecuteStatementReq(sessionHandle=session, statement=statement, runAsync=False))
    if answer.status.statusCode not in _FINE:
        raise RuntimeError(answer.status.errorMessage)
    handle = answer.operationHandle
    fetched = spark.FetchResults(TFetchResultsReq(handle, TFetchOrientation.FETCH_NEXT, 100_000))
    spark.CloseOperation(TCloseOperationReq(handle))
    columns = [column.stringVal.values for column in fetched.results.columns or () if column.stringVal is not None]
    return list(zip(*columns, strict=True))


def show_catalog(spark: Spark, session: TSessionHandle) -> None:
    """Let `information_schema.columns` say what columns there are now."""
    rows = []
    for (schema,) in run(spark, session, "SHOW DATABASES"):
        for _, table, *_more in run(spark, session, f"SHOW TABLES IN {schema}") if schema != _CATALOG_SCHEMA else ():
            described = run(spark, session, f"DESCRIBE TABLE {schema}.{table}")
            for place, (name, kind, *_rest) in enumerate(takewhile(lambda row: row[0], described)):
                simple = kind.partition("<")[0].partition("(")[0].upper()
                rows.append(f"('{schema}', '{table}', '{name}', {place}, '{_PLAIN_NAMES.get(simple, simple)}')")
    values = ", ".join(rows) or "('', '', '', 0, '')"
    names = "table_schema, table_name, column_name, ordinal_position, data_type"
    run(spark, session, f"CREATE DATABASE IF NOT EXISTS {_CATALOG_SCHEMA}")
    view = f"SELECT * FROM VALUES {values} AS c({names})"  # noqa: S608 - of this test
    run(spark, session, f"CREATE OR REPLACE VIEW {_CATALOG_SCHEMA}.columns AS {view}")


def condition(message: str | None) -> str:
    found = _CONDITION.findall(message or "")
    return found[-1].strip() if found else "an error without a condition"


@contextmanager
def gateway(spark: int, context: ssl.SSLContext, authority: Path) -> Iterator[Gateway]:
    """It listens on a port of loopback, with TLS."""
    made = Gateway(spark, authority)
    handler = type("Handler", (_Handler,), {"gateway": made, "processor": TCLIService.Processor(Service(made))})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.port = int(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway
    processor: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.gateway.asked.append(self.path)
        if self.path == "/oidc/v1/token":
            granted = self.headers.get("Authorization") == "Basic " + b64encode(PRINCIPAL.encode()).decode()
            told = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3_600} if granted else {}
            self._answer(200 if granted else 401, json.dumps(told).encode(), {"Content-Type": "application/json"})
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(403, b"", {"x-databricks-reason-phrase": "Invalid access token."})
            return
        given, made = TMemoryBuffer(body), TMemoryBuffer()
        self.processor.process(TBinaryProtocol(given), TBinaryProtocol(made))
        if b"FetchResults" in body and len(self.gateway.rows_asked) in self.gateway.drop:
            self.gateway.drop.discard(len(self.gateway.rows_asked))
            self.close_connection = True
            return
        self._answer(200, made.getvalue(), {"Content-Type": "application/x-thrift"})

    def do_GET(self) -> None:
        """A file of a result."""
        path = self.path.partition("?")[0]
        self.gateway.asked.append(path)
        name = path.rpartition("/")[2]
        if name not in self.gateway.files:
            self._answer(404, b"", {})
            return
        time.sleep(self.gateway.slow)
        status = self.gateway.lost(list(self.gateway.files).index(name))
        self._answer(status, self.gateway.files[name] if status == 200 else b"<Error>secret of the cloud</Error>", {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


_VERSION = TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7
_FINE = (TStatusCode.SUCCESS_STATUS, TStatusCode.SUCCESS_WITH_INFO_STATUS)


def _done() -> TStatus:
    return TStatus(TStatusCode.SUCCESS_STATUS)


def _failed(message: str) -> TStatus:
    return TStatus(TStatusCode.ERROR_STATUS, errorMessage=message)
