"""One rule for all URLs that are written out: which hold a secret, and that it never shows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from statsig_export.config import parse_config
from statsig_export.errors import ConfigError, StatsigExportError
from statsig_export.ledger.engine import check_url
from statsig_export.source.readers.factory import open_reader
from statsig_export.url_secrets import secret_in

SECRET = "Canary" + "Secret9"
DATABASES = [
    f"postgresql://reader:{SECRET}@db/app",
    f"postgresql://db/app?password={SECRET}",
    f"postgresql://db/app?sslpassword={SECRET}&sslmode=verify-full",
    f"postgresql://db/app?user=reader&Pass%77ord={SECRET}",
    f"mysql+pymysql://db/app?passwd={SECRET}",
    f"mysql+pymysql://db/app?ssl_key_password={SECRET}",
    f"snowflake://reader@account/db?token={SECRET}",
    f"snowflake://reader@account/db?private_key={SECRET}",
    f"snowflake://reader@account/db?private_key_passphrase={SECRET}",
    f"snowflake://reader@account/db?warehouse=w;passcode={SECRET}",
    f"bigquery://project/dataset?credentials_base64={SECRET}",
    f"bigquery://project/dataset?credentials_info={SECRET}",
    f"duckdb:///md:db?motherduck_token={SECRET}",
    f"redshift+psycopg2://db/app?secret-access-key={SECRET}",
    f"mssql+pyodbc:///?odbc_connect=Driver%3D1%3BPWD%3D{SECRET}",
    f"postgresql://db/app#token={SECRET}",
    f"postgresql://reader@db/app;password={SECRET}",
    f"sqlite:///events.db?_auth_pass={SECRET}",
]
STORAGES = [
    f"s3://AKIA:{SECRET}@bucket/events",
    f"s3://bucket/events?key={SECRET}",
    f"s3://bucket/events?X-Amz-Signature={SECRET}",
    f"s3://bucket/events?x-amz-security-token={SECRET}",
    f"simplecache::s3://AKIA:{SECRET}@bucket/events",
    f"abfs://container@account.dfs.core.windows.net/events?sv=2024&sig={SECRET}",
    f"abfs://container/events?account_key={SECRET}",
    f"abfs://container/events?sas_token={SECRET}",
    f"abfs://container/events?SAS={SECRET}",
    f"gs://bucket/events?X-Goog-Credential={SECRET}",
    f"https://{SECRET}@host/events",
    f"webdav+https://{SECRET}@host/events",
    f"sftp://user:{SECRET}@host/events",
    f"env:s3://AKIA:{SECRET}@bucket",
]
HARMLESS = [
    "postgresql://reader@warehouse/statsig",
    "postgresql://reader@/app?host=/var/run/postgresql&sslkey=/etc/tls/key.pem&passfile=/srv/.pgpass",
    "postgresql://h/app?sslmode=require&options=-c%20search_path%3Dx&application_name=export&keepalives=1",
    "mysql+pymysql://reader@db/app?ssl_key=/etc/key.pem&charset=utf8mb4",
    "bigquery://project/dataset?credentials_path=/srv/key.json&location=EU",
    "snowflake://reader@account/db?authenticator=externalbrowser&private_key_file=/srv/key.p8",
    "sqlite:///events.db",
    "sqlite:////srv/a:b@c/events.db?timeout=5",
    "sqlite:////srv/a;b/token;c/events.db?timeout=5",
    "postgresql://db/app?password=",
    "s3://bucket/events",
    "abfs://container@account.dfs.core.windows.net/events",
    "./.statsig_export/events",
    "/srv/a:b@c/events",
    "sftp://reader@host/events",
    "env:STORAGE",
]


@pytest.mark.fault("F257")
@pytest.mark.fault("F359")
@pytest.mark.parametrize(
    ("table", "url"),
    [("source", url) for url in DATABASES]
    + [("ledger", url) for url in DATABASES]
    + [("storage", url) for url in STORAGES],
)
def test_a_secret_that_is_written_out_in_a_url_is_refused_without_being_shown(table: str, url: str):
    with pytest.raises(ConfigError) as caught:
        parse_config({table: {"url": url}}, folder=Path("/srv"), environ={})

    for text in (str(caught.value), repr(caught.value), repr(caught.value.__cause__)):
        assert SECRET.lower() not in text.lower()
    assert "env:NAME" in str(caught.value)
    assert "secret" in str(caught.value) or "variable" in str(caught.value)


@pytest.mark.fault("F257")
@pytest.mark.parametrize("url", HARMLESS)
def test_a_url_without_a_secret_may_be_written_out(url: str):
    assert secret_in(url) is None


MISTYPED = [
    f"postgresql://reader:{SECRET}/stats",
    f"postgresql://reader:{SECRET}@[::1/stats",
    f"postgresql://reader:{SECRET}@h:5432:6/db",
    f"postgresql://reader:{SECRET}@h:port/db",
    f"mysql+pymysql://reader:{SECRET}/x",
    f"postgresql:/reader:{SECRET}@h/db",
    f"postgresql//reader:{SECRET}@h/db",
    f"//reader:{SECRET}@h/db",
    f"reader:{SECRET}@h/db",
    SECRET,
    "",
    f"postgresql://reader:{SECRET}@h:5432\n/db",
    f"post gresql://reader:{SECRET}@h/db",
    f"postgresql://reader:{SECRET}@h:99999999999999999999/db",
    f"postgresql+nosuch://reader:{SECRET}@h/db",
    f"nosuch://reader:{SECRET}@h/db",
    f"postgresql+psycopg+x://reader:{SECRET}@h/db",
    f"bigquery://{SECRET}:x/db",
    f"snowflake://reader:{SECRET}/db",
    f"duckdb://reader:{SECRET}/db",
    f"sqlite://{SECRET}/db",
    f"sqlite://reader:{SECRET}@host/db",
    f"postgresql://reader:{SECRET}@h/db?port=abc",
    f"postgresql://reader:{SECRET}@h/db?nosuch=1",
    f"postgresql://reader:{SECRET}\x00@h/db",
    f"postgresql://reader:{SECRET}%ZZ@/db",
]


@pytest.mark.fault("F258")
@pytest.mark.parametrize("url", MISTYPED)
def test_a_mistyped_database_url_is_a_fixed_sentence(url: str):
    config = parse_config(
        {"source": {"url": "env:URL"}, "ledger": {"url": "env:URL"}}, folder=Path("/srv"), environ={"URL": url}
    )
    for use in (lambda: open_reader(config.source_url()), lambda: check_url(config.ledger_url())):
        assert SECRET.lower() not in words_of(use).lower()


def words_of(use: Callable[[], object]) -> str:
    """What our own error says, "" where there is none; any other error passes."""
    try:
        use()
    except StatsigExportError as error:
        return str(error)
    return ""
