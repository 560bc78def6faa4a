"""The identity of a source table as text: what derived ids are made with, as export.toml and messages write it. Pure.

Derived ids are made with two names, the source's and the table's. As one text that is `exposures` where the source has
no name, else `eu/exposures`. In `[source.<table>] identity` a text without a "/" is the table's name alone, beside
whatever `source.name` says; with one it stands for both, and `/exposures` says that there is no name of the source. A
"/" of the source's own name is written %2F, and a "%" %25.
"""


def salt_of(identity: str, source_name: str) -> tuple[str, str]:
    """The names of source and table that an `identity` stands for, in a configuration with this `source.name`."""
    source, slash, table = identity.partition("/")
    return (source.replace("%2F", "/").replace("%25", "%"), table) if slash else (source_name, identity)


def identity_of(salt: tuple[str, str], source_name: str = "") -> str:
    """The `identity` that stands for these names, in a configuration with this `source.name`: the shortest."""
    source, table = salt
    if source == source_name and "/" not in table:
        return table
    return f"{source.replace('%', '%25').replace('/', '%2F')}/{table}"
