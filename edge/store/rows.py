"""Many rows in one statement, as each database takes them fastest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    Delete,
    FromClause,
    Table,
    Update,
    bindparam,
    cast,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError


def copy_in(
    connection: Connection,
    into: str,
    table: FromClause,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
) -> None:
    """Have PostgreSQL take rows by COPY, in its binary format.

    Args:
        connection: of PostgreSQL.
        into: the table that takes them.
        table: one that has the same columns.
        columns: of `rows`, in their order.
        rows: values as psycopg takes them, JSON as what it is of.

    Raises:
        DBAPIError: the database is away, or refuses one of them.
    """
    import psycopg
    from psycopg.types.json import Jsonb

    driver = connection.connection.driver_connection
    assert driver is not None
    types = [table.c[n].type.compile(dialect=connection.dialect).lower() for n in columns]
    objects = [n for n, kind in enumerate(types) if kind == "jsonb"]
    if objects:
        rows = [[Jsonb(v) if n in objects else v for n, v in enumerate(row)] for row in rows]
    statement = f"COPY {into} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as stream:
            stream.set_types(types)
            for row in rows:
                stream.write_row(row)
    except psycopg.Error as e:  # as SQLAlchemy does it for what goes through it
        if driver.closed:
            connection.invalidate(e)
        raise DBAPIError.instance(
            statement, None, e, psycopg.Error, connection_invalidated=bool(driver.closed)
        ) from e


def put(
    connection: Connection,
    table: FromClause,
    rows: Sequence[Mapping[str, Any]],
    *,
    add: Collection[str] = (),
    replace: Collection[str] = (),
    ignore: bool = False,
) -> None:
    """Insert rows; where a key is there, add to columns, replace them, or leave that row.

    Args:
        connection: to write by.
        table: whose rows they are.
        rows: all with the same columns in the same order, no two with the same key.
        add: columns to add to.
        replace: columns to replace.
        ignore: leave it as it is.

    Raises:
        DBAPIError: the database is away, or refuses one of them; so it does a key that is there,
            unless told what to do.
    """
    if not rows:
        return
    assert isinstance(table, Table)
    fast = connection.dialect.name == "postgresql"
    if fast and not (add or replace or ignore):
        columns = tuple(rows[0])
        copy_in(connection, table.name, table, columns, [tuple(row.values()) for row in rows])
        return
    statement = (postgresql if fast else sqlite).insert(table)
    new = statement.excluded
    values = {n: table.c[n] + new[n] for n in add} | {n: new[n] for n in replace}
    names = list(rows[0])
    if fast:
        # A column is one array: executed for each row it would take ten times as long.
        arrays = _unnest({f"all_{n}": table.c[n].type for n in names})
        statement = statement.from_select(names, select(*arrays))
    key = list(table.primary_key)
    if values:
        statement = statement.on_conflict_do_update(index_elements=key, set_=values)
    elif ignore:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    if fast:
        connection.execute(statement, {f"all_{n}": [row[n] for row in rows] for n in names})
    else:
        connection.execute(statement, rows)


def remove(
    connection: Connection, columns: Sequence[Any], keys: Sequence[tuple[object, ...]]
) -> None:
    """Delete the rows that have one of the keys.

    Args:
        connection: to write by.
        columns: of one model, the first of its primary key.
        keys: a value for each column.

    Raises:
        DBAPIError: the database is away.
    """
    _execute(connection, delete(columns[0].class_.__table__), columns, keys)


def change(
    connection: Connection,
    columns: Sequence[Any],
    keys: Sequence[tuple[object, ...]],
    values: Mapping[str, object],
) -> None:
    """Give the rows that have one of the keys other values; as `remove`."""
    _execute(connection, update(columns[0].class_.__table__).values(values), columns, keys)


def _execute(
    connection: Connection,
    statement: Delete | Update,
    columns: Sequence[Any],
    keys: Sequence[tuple[object, ...]],
) -> None:
    """Execute a statement for the rows that have one of the keys."""
    if not keys:
        return
    names = [f"of_{c.key}" for c in columns]
    if connection.dialect.name == "postgresql":
        arrays = _unnest(dict(zip(names, (c.type for c in columns), strict=True)))
        connection.execute(
            statement.where(tuple_(*columns).in_(select(*arrays))),
            {
                name: list(values)
                for name, values in zip(names, zip(*keys, strict=True), strict=True)
            },
        )
        return
    # `in` a list of rows would have SQLite read the whole table.
    same = [c == bindparam(name) for c, name in zip(columns, names, strict=True)]
    connection.execute(statement.where(*same), [dict(zip(names, key, strict=True)) for key in keys])


def _unnest(types: Mapping[str, Any]) -> list[Any]:
    """Return arrays as columns: the names of parameters, and what is in them."""
    arrays = {name: ARRAY(kind) for name, kind in types.items()}
    return [func.unnest(cast(bindparam(name, type_=t), t)) for name, t in arrays.items()]
