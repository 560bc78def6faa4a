"""DuckDB: what an error means. Its errors have no codes: the class stands for one. Pure."""

from typing import Final

from statsig_export.databases.cause import CHECK, NETWORK, Advice, Cause, Phrases, phrased

_PHRASES: Final[Phrases] = (
    ("Could not set lock", "IOException", "another process holds the file to write"),
    ("Conflicting lock", "IOException", "another process holds the file to write"),
    ("not a valid DuckDB database", "NOTADB", "not a DuckDB database file"),
    ("version number", "VERSION", "the file is of another version of DuckDB"),
    ("Corrupt database file", "CORRUPT", "the file is damaged"),
    ("does not match stored checksum", "CORRUPT", "the file is damaged"),
    ("Permission denied", "EACCES", "this user may not open the file"),
    ("does not exist", "", ""),
    ("Is a directory", "EISDIR", "a folder"),
    ("options were not recognized", "InvalidInputException", "a setting that DuckDB does not know"),
    ("Failed to download extension", "EXTENSION", "an extension cannot be downloaded"),
    ("No space left", "ENOSPC", "no space left on the disk"),
)
"""What tells errors of one class apart."""

ADVICE: Final[Advice] = (
    ("IOException", "let the other process close it first: DuckDB lets one process write, or several read"),
    ("NOTADB", f"{CHECK}: the file is none of DuckDB's, or is damaged"),
    ("VERSION", "install the DuckDB that wrote it, or a newer one (pip install -U duckdb)"),
    ("CORRUPT", "put back a copy of the file"),
    ("EACCES", "let this user read the file"),
    ("EISDIR", f"{CHECK}: name the file"),
    ("ENOSPC", "free space on the disk: DuckDB writes what does not fit into its memory"),
    ("EXTENSION", "install it where there is a network, or take it out of {url}"),
    ("OutOfMemoryException", "give it more: ?memory_limit=1GB in {url} (docs/how-to/databases/duckdb.md)"),
    ("ConversionException", "a value cannot be cast as a view does: mend the view, or the row"),
    ("OutOfRangeException", "a value cannot be cast as a view does: mend the view, or the row"),
    ("CatalogException", "the table or view reads what is gone: mend the view"),
    ("BinderException", "the table or view reads what is gone: mend the view"),
    ("HTTPException", f"{CHECK}: its token, and whether the service can be reached"),
    ("InvalidInputException", f"{CHECK}: what follows the `?` are settings of DuckDB's"),
    ("ParserException", f"{CHECK}: what follows the `?` are settings of DuckDB's"),
    *NETWORK,
)


def cause_of(origin: BaseException) -> Cause:
    name = type(origin).__name__
    found = phrased(str(origin), _PHRASES) if name in {"IOException", "Error", "InvalidInputException"} else None
    return found if found is not None and found.name else Cause(name, "")
