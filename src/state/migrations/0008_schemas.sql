-- What the objects at both ends of a pipeline looked like when a run last saw them.
CREATE TABLE schemas (
    schema_id  INTEGER PRIMARY KEY,
    pipeline   TEXT NOT NULL,
    connection TEXT NOT NULL,
    account    TEXT NOT NULL,                -- empty where the system has no accounts
    object     TEXT NOT NULL,
    end        TEXT NOT NULL,                -- source | destination: what can be read is not what can be written
    UNIQUE (pipeline, connection, account, object, end)
) STRICT;

-- Their fields, those that are gone too: one that comes back is no new one.
CREATE TABLE schema_fields (
    schema_id INTEGER NOT NULL REFERENCES schemas,
    field     TEXT NOT NULL,
    type      TEXT NOT NULL,                 -- what it is now
    is_gone   INTEGER NOT NULL,
    PRIMARY KEY (schema_id, field)
) STRICT, WITHOUT ROWID;

-- The options of choices.
CREATE TABLE schema_options (
    schema_id INTEGER NOT NULL REFERENCES schemas,
    field     TEXT NOT NULL,
    option    TEXT NOT NULL,
    is_gone   INTEGER NOT NULL,
    PRIMARY KEY (schema_id, field, option)
) STRICT, WITHOUT ROWID;

-- What was new, gone or back when a run looked, in the order in which it was seen.
CREATE TABLE schema_changes (
    change_id INTEGER PRIMARY KEY,
    schema_id INTEGER NOT NULL REFERENCES schemas,
    seen_at   TEXT NOT NULL,
    field     TEXT NOT NULL,
    option    TEXT,                          -- null where it is about the field
    change    TEXT NOT NULL                  -- new | gone | back
) STRICT;
CREATE INDEX schema_changes_by_schema ON schema_changes (schema_id, seen_at);
