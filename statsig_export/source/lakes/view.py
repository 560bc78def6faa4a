"""The SELECT that yields the rows of a table with a log, from the files that count. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from statsig_export.source.lakes.snapshot import Field, LakeFile, Shape, has_ids, quoted, quoted_text, selected

_FILE, _ROW = "statsig_export_file", "file_row_number"


@dataclass(frozen=True, slots=True)
class Group:
    """Files whose columns are the same, all with deleted rows or none."""

    shape: Shape
    files: tuple[LakeFile, ...]
    deletes: bool


def groups_of(files: Iterable[LakeFile], shapes: Mapping[str, Shape]) -> list[Group]:
    """`shapes` by the file's name."""
    found: dict[tuple[Shape, bool], list[LakeFile]] = {}
    for file in files:
        found.setdefault((shapes[file.name], bool(file.deletes)), []).append(file)
    return [Group(shape, tuple(alike), deletes) for (shape, deletes), alike in found.items()]


def rows_of(fields: Sequence[Field], groups: Sequence[Group], deleted: str) -> str:
    """`deleted` is a table of DuckDB's with the columns `file`, a number, and `position`: the rows that are deleted."""
    read = [field for field in fields if field.kind]
    if not groups:
        return f"SELECT {', '.join(f'CAST(NULL AS {each.kind}) AS {quoted(each.name)}' for each in read)} WHERE false"
    return " UNION ALL ".join(_rows_of(read, group, deleted) for group in groups)


def nameless(fields: Sequence[Field], groups: Sequence[Group]) -> list[str]:
    """Files that have no ids, of a table that knows its columns by their ids and says no names."""
    by_id = [field for field in fields if field.id is not None]
    if not by_id or any(field.names for field in by_id):
        return []
    return [file.name for group in groups if not has_ids(group.shape) for file in group.files]


def _rows_of(fields: Sequence[Field], group: Group, deleted: str) -> str:
    partitioned = {name for file in group.files for name in file.partition}
    inside = {each[0] for each in group.shape}
    ids = {each[1] for each in group.shape} if has_ids(group.shape) else set()
    constant = [
        field
        for field in fields
        if field.name in partitioned and not (field.id in ids if ids else inside & set(field.names))
    ]
    columns = [
        f"CAST(parts.{quoted(field.name)} AS {field.kind})" if field in constant else _column(field, group.shape)
        for field in fields
    ]
    names = ", ".join(quoted_text(_literally(file.name)) for file in group.files)
    sql = (
        f"SELECT {', '.join(f'{column} AS {quoted(f.name)}' for column, f in zip(columns, fields, strict=True))}"  # noqa: S608 - quoted
        f" FROM read_parquet([{names}], hive_partitioning = false, filename = '{_FILE}', file_row_number = true)"
        " AS stored"
    )
    if constant or group.deletes:
        values = ", ".join(_values(file, constant) for file in group.files)
        named = ", ".join(quoted(name) for name in ("of file", "number of file", *(field.name for field in constant)))
        sql += f' JOIN (VALUES {values}) AS parts({named}) ON parts."of file" = stored.{_FILE}'
    if group.deletes:
        sql += f' ANTI JOIN {deleted} AS gone ON gone.file = parts."number of file" AND gone.position = stored.{_ROW}'
    return sql


def _values(file: LakeFile, constant: Sequence[Field]) -> str:
    values = [_text(file.partition.get(field.name)) for field in constant]
    return f"({', '.join([quoted_text(file.name), str(file.number), *values])})"


def _column(field: Field, shape: Shape) -> str:
    expression = selected(field, shape, "stored")
    if expression is None:
        told = f"column {field.name}: members of it that were renamed lie in a list or a map"
        return f"CAST(error({quoted_text(told)}) AS {field.kind})"
    return expression


def _text(value: str | None) -> str:
    return "NULL::VARCHAR" if value is None else quoted_text(value)


def _literally(name: str) -> str:
    """A name with wildcards in it is that file alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
