"""What errors of Trino, Athena and Databricks are told as: their servers' names for them, and no word of their text."""

import pytest
from botocore.exceptions import ClientError
from databricks.sql.exc import RequestError, ServerOperationError
from pyathena.error import OperationalError
from sqlalchemy import make_url
from trino.exceptions import TrinoUserError

from statsig_export.source.errors import SourceErrors

TRINO = {"errorName": "TABLE_NOT_FOUND", "errorCode": 46, "message": "line 1: secret"}
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret"}}, "StartQueryExecution")


@pytest.mark.fault("F477")
@pytest.mark.parametrize(
    ("url", "error", "told", "advice"),
    [
        ("trino://reader@host/hive/events", TrinoUserError(TRINO), "TABLE_NOT_FOUND", "reads what is gone"),
        ("awsathena+rest://@athena.aws/e", OperationalError("COLUMN_NOT_FOUND: secret"), "COLUMN_NOT_FOUND", "is gone"),
        ("awsathena+rest://@athena.aws/e", DENIED, "AccessDeniedException", "s3_staging_dir"),
        (
            "databricks://host?http_path=/sql",
            ServerOperationError("[CAST_INVALID_INPUT] The value 'secret' cannot be cast"),
            "CAST_INVALID_INPUT",
            "mend the view, or the row",
        ),
        (
            "databricks://host?http_path=/sql",
            RequestError("secret", {"http-code": 403, "original-exception": "secret"}),
            "HTTP 403 RequestError",
            "the token",
        ),
        (
            "databricks://host?http_path=/sql",
            ServerOperationError("[OPERATION_CANCELED] Operation has been canceled: secret"),
            "OPERATION_CANCELED",
            "run it again",
        ),
        ("databricks://host?http_path=/sql", ServerOperationError("secret"), "ServerOperationError", "host"),
    ],
)
def test_an_error_is_told_by_the_servers_own_name_for_it(url: str, error: Exception, told: str, advice: str):
    made = SourceErrors(make_url(url), {}).unread("exposures", error)

    assert f"failed: {told}, at" in made.message
    assert advice in f"{made.message} {made.hint}"
    assert "secret" not in f"{made.message} {made.hint}"
