"""Ways in which studies come to harm: journals, and databases of SQLite and PostgreSQL, damaged at random.

``damaged_journal`` and ``damage_database`` take one way each; ``damaged_file`` spoils the bytes of any file.
"""

from __future__ import annotations

import copy
import json

ODD = (
    None, True, False, -1, 0, 1, 7, 1.5, -1e-300, 1e308, 10**30, -(10**30), 2**31, 2**63, "", "x", "done", "NaN",
    "1e999", "a\x00b", "\ud83d\ude00", "x" * 5000, [], {}, [1, 2], [None], {"a": 1}, {"version": "9.9"}, [[[[[]]]]],
)  # fmt: skip
RAW = (
    b'{"hello": 1}\n', b"[]\n", b"null\n", b"7\n", b"\n", b"\xff\xfe\xfd\n", b"\0" * 30 + b"\n", b"hello\n",
    b'{"op_code":\n',     b'{"op_code": 99, "worker_id": "a"}\n', b'{"op_code": 1, "worker_id": "a", "study_id": 0}\n',
    b'{"op_code": 8, "worker_id": "a", "trial_id": 0, "user_attr": {"point": 1}}\n',
    b'{"op_code": 6, "worker_id": "a", "trial_id": 0, "state": 0, "values": null}\n', b"[" * 5000 + b"\n",
    b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"\n", b'{"op_code": NaN}\n', b'{"op_code": 1e999}\n', b"no newline",
    b'{"op_code": 0, "worker_id": "a", "study_name": "small", "directions": [1, 1]}\n',
)  # fmt: skip


def places(data, at=()):
    """Return the keys and indices that lead to every value within ``data``."""
    found = [at] if at else []
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        found += places(value, (*at, key))
    return found


def damaged_value(data, random):
    """Return ``data`` with one value within it removed, renamed, doubled, swapped or made another."""
    data = copy.deepcopy(data)
    found = places(data)
    if not found:
        return random.choice(ODD)
    *way, last = random.choice(found)
    inner = data
    for key in way:
        inner = inner[key]
    how = random.choice(("remove", "odd", "odd", "odd", "rename", "near", "swap"))
    if how == "remove":
        del inner[last]
    elif how == "rename" and isinstance(inner, dict):
        inner[f"{last}x"] = inner.pop(last)
    elif how == "near" and isinstance(inner[last], int | float) and not isinstance(inner[last], bool):
        inner[last] = random.choice(
            (inner[last] + 1, -inner[last], str(inner[last]), [inner[last]], inner[last] * 1e300)
        )
    elif how == "swap" and isinstance(inner, dict | list) and len(inner) > 1:
        other = random.choice([key for key in (inner if isinstance(inner, dict) else range(len(inner))) if key != last])
        inner[last], inner[other] = inner[other], inner[last]
    else:
        inner[last] = random.choice(ODD)
    return data


def damaged_text(text, random):
    """Return JSON text with a value of it damaged, or text that is no JSON."""
    how = random.randrange(6)
    if how == 0:
        return text[: random.randrange(len(text) + 1)]
    if how == 1:
        return random.choice(("", "x", "NaN", "[1e999]", '{"a": Infinity}', "null", "[" * 4000, "\x01"))
    try:
        return json.dumps(damaged_value(json.loads(text), random))
    except ValueError:
        return random.choice(("", "{}", "[]"))


def damaged_journal(data, random):
    """Return a journal with one record damaged, doubled, moved, lost, put in or cut short."""
    lines = data.splitlines(keepends=True)
    place = random.randrange(len(lines))
    how = random.choice(("value",) * 8 + ("double", "swap", "lose", "raw", "raw", "cut", "bytes", "number", "copy"))
    if how == "value":
        lines[place] = json.dumps(damaged_value(json.loads(lines[place]), random)).encode() + b"\n"
    elif how == "double":
        lines.insert(random.randrange(len(lines) + 1), lines[place])
    elif how == "swap":
        other = random.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif how == "lose":
        del lines[place]
    elif how == "raw":
        lines.insert(random.choice((place, len(lines))), random.choice(RAW))
    elif how == "cut":
        return data[: random.randrange(len(data))]
    elif how == "bytes":
        return damaged_file(data, random)
    elif how == "number":
        digits = [i for i, byte in enumerate(lines[place]) if chr(byte).isdigit()]
        at = random.choice(digits)
        new = random.choice((b"NaN", b"1e999", b"-0", b"9" * 400, b"0x1", b"\xff", b"\0", b"00"))
        lines[place] = lines[place][:at] + new + lines[place][at + 1 :]
    else:
        keys = json.loads(lines[place])
        keys["index" if how == "copy" else "point"] = random.choice(ODD)
        lines.insert(place, json.dumps(keys).encode() + b"\n")
    return b"".join(lines)


def damaged_file(data, random):
    """Return bytes with some of them flipped, zeroed, lost, doubled or cut off."""
    start = random.randrange(len(data))
    end = min(start + random.choice((1, 1, 4, 100, 4096)), len(data))
    how = random.choice(("flip", "zero", "lose", "double", "cut", "noise"))
    new = {
        "flip": bytes(byte ^ 1 << random.randrange(8) for byte in data[start:end]),
        "zero": bytes(end - start),
        "lose": b"",
        "double": data[start:end] * 2,
        "noise": random.randbytes(end - start),
    }
    return data[:start] if how == "cut" else data[:start] + new[how] + data[end:]


def damage_database(engine, random, tables):
    """Damage a row, a column or a table through an ``engine`` of SQLAlchemy; return the statement, for the record.

    ``tables`` are columns by table. A statement that the database refuses is followed by others until one is not.
    """
    import sqlalchemy

    while True:
        statement, values = _statement(engine, random, tables)
        try:
            with engine.begin() as connection:
                done = connection.execute(sqlalchemy.text(statement), values)
                if done.rowcount:
                    return f"{statement} {values!r:.200}"
        except (sqlalchemy.exc.SQLAlchemyError, ValueError, OverflowError):
            continue


def _statement(engine, random, tables):
    import sqlalchemy

    table = random.choice(sorted(tables))
    column = random.choice(tables[table])
    how = random.choice(("text", "text", "text", "text", "odd", "odd", "odd", "lose", "copy", "drop", "table", "move"))
    if how == "drop":
        return f"ALTER TABLE {table} DROP COLUMN {column}", {}
    if how == "table":
        return f"DROP TABLE {table}", {}
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text(f"SELECT * FROM {table}")).mappings().all()  # noqa: S608
    if not rows:
        return f"DROP TABLE {table}", {}
    row, first = random.choice(rows), tables[table][0]
    where = f"WHERE {first} = :key"
    if how == "lose":
        return f"DELETE FROM {table} {where}", {"key": row[first]}  # noqa: S608
    if how == "move":
        other = random.choice(rows)
        return f"UPDATE {table} SET {column} = :value {where}", {"key": row[first], "value": other[column]}  # noqa: S608
    if how == "copy":
        names = tables[table]
        values = {name: row[name] for name in names} | {first: random.choice((10**6, 10**9))}
        return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})", values  # noqa: S608
    if how == "text" and isinstance(row[column], str):
        value = damaged_text(row[column], random)
    else:
        value = random.choice(
            [odd for odd in ODD if not isinstance(odd, list | dict)] + ["RUNNING", "WAITING", "FAIL", "PRUNED"]
        )
    return f"UPDATE {table} SET {column} = :value {where}", {"key": row[first], "value": value}  # noqa: S608


def columns_of(engine):
    """Return the columns of every table of a database, by table."""
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine)
    return {name: [column["name"] for column in inspector.get_columns(name)] for name in inspector.get_table_names()}
