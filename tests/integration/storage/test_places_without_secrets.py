"""What is shown of a storage's URL holds no password and no key, however it is spelled."""

import pytest

from statsig_export.errors import StorageError
from statsig_export.storage.errors import without_secrets
from statsig_export.storage.place import Place


@pytest.mark.fault("F673")
@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:SEKRIT@bucket/x",
        "s3://AKIA:SEK/RIT@bucket/x",
        "s3://AKIA:SEK#RIT@bucket/x",
        "s3://AKIA:SEK?RIT@bucket/x",
        "simplecache::s3://AKIA:SEK/RIT@bucket",
        "S3 ://AKIA:SEKRIT@bucket",
        "s3://bucket/x?key=SEKRIT",
    ],
)
def test_no_spelling_of_a_url_shows_its_secret(url: str):
    assert "SEK" not in without_secrets(url)
    assert "RIT" not in without_secrets(url)


@pytest.mark.fault("F673")
@pytest.mark.parametrize("url", ["s3;//AKIA:SEKRIT@bucket", "s3:/AKIA:SEKRIT@bucket", "s3//AKIA:SEKRIT@bucket"])
def test_a_mistyped_scheme_makes_no_folder_of_the_secret(url: str):
    with pytest.raises(StorageError, match=r"the storage is no URL") as told:
        Place(url)
    assert "SEKRIT" not in f"{told.value.message} {told.value.hint}"


@pytest.mark.parametrize(
    "url",
    ["/srv/events", "events", "/srv/a:b@c/x", "s3://bucket/a@b", "abfs://container@account.dfs.core.windows.net/x"],
)
def test_a_place_without_a_secret_is_shown_as_it_is(url: str):
    assert without_secrets(url) == url
