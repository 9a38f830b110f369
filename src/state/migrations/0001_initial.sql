-- What Ferry must remember from one run to the next. Personal data is only in columns called `sealed` (encrypted).
CREATE TABLE runs (
    run_id      TEXT PRIMARY KEY,
    pipeline    TEXT NOT NULL,
    file        TEXT NOT NULL,               -- the pipeline's file, for a redrive
    fingerprint TEXT NOT NULL,               -- of the pipeline and the options: a run is resumed only as it was
    kind        TEXT NOT NULL,               -- run | redrive
    status      TEXT NOT NULL,               -- running | done | failed | interrupted
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    version     TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_pipeline ON runs (pipeline, started_at);

-- One stream of a pipeline at one destination object.
CREATE TABLE scopes (
    scope_id   INTEGER PRIMARY KEY,
    pipeline   TEXT NOT NULL,
    stream     TEXT NOT NULL,
    connection TEXT NOT NULL,
    object     TEXT NOT NULL,
    UNIQUE (pipeline, stream, connection, object)
) STRICT;

-- Where the next read of a scope goes on.
CREATE TABLE checkpoints (
    scope_id  INTEGER PRIMARY KEY REFERENCES scopes,
    run_id    TEXT NOT NULL,
    cursor    TEXT NOT NULL,
    chunk     INTEGER NOT NULL,              -- chunks of this run that are loaded
    saved_at  TEXT NOT NULL
) STRICT;

-- What a run did in a scope. Counts move together with the checkpoint, so they always add up.
CREATE TABLE ledgers (
    run_id       TEXT NOT NULL REFERENCES runs,
    scope_id     INTEGER NOT NULL REFERENCES scopes,
    position     INTEGER NOT NULL,           -- order in the pipeline
    start_cursor TEXT,
    status       TEXT NOT NULL,              -- running | done | failed
    ledger       TEXT NOT NULL,              -- model::Ledger as JSON
    calls        TEXT NOT NULL,              -- model::Calls as JSON
    message      TEXT,                       -- why it failed, without personal values
    PRIMARY KEY (run_id, scope_id)
) STRICT, WITHOUT ROWID;

-- The id that each source record has at the destination, and what was last written.
CREATE TABLE id_map (
    scope_id       INTEGER NOT NULL REFERENCES scopes,
    source_id      TEXT NOT NULL,
    destination_id TEXT NOT NULL,
    content_hash   BLOB NOT NULL,
    key_hash       BLOB,                     -- of the key's values; none without a key
    written_run    TEXT NOT NULL,
    written_as     TEXT NOT NULL,            -- created | updated
    seen_run       TEXT NOT NULL,
    seen_chunk     INTEGER NOT NULL,
    PRIMARY KEY (scope_id, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX id_map_by_key ON id_map (scope_id, key_hash) WHERE key_hash IS NOT NULL;

-- Batches that were about to be sent and have no outcome yet.
CREATE TABLE intents (
    intent_id  INTEGER PRIMARY KEY,
    run_id     TEXT NOT NULL REFERENCES runs,
    scope_id   INTEGER NOT NULL REFERENCES scopes,
    operation  TEXT NOT NULL,
    source_ids TEXT NOT NULL,                -- JSON array
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE dead_letters (
    run_id      TEXT NOT NULL REFERENCES runs,
    scope_id    INTEGER NOT NULL REFERENCES scopes,
    source_id   TEXT NOT NULL,
    kind        TEXT NOT NULL,               -- rejected | held | link
    code        TEXT NOT NULL,
    field       TEXT,
    sealed      BLOB NOT NULL,               -- reason, value, source record, mapped record, request id
    created_at  TEXT NOT NULL,
    resolved_at TEXT,
    PRIMARY KEY (run_id, scope_id, source_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX dead_letters_by_source ON dead_letters (scope_id, source_id) WHERE resolved_at IS NULL;

-- Links that wait for the record they point to, or for their turn.
CREATE TABLE pending_links (
    scope_id   INTEGER NOT NULL REFERENCES scopes,
    source_id  TEXT NOT NULL,
    field      TEXT NOT NULL,
    stream     TEXT NOT NULL,                -- whose records are linked
    targets    TEXT NOT NULL,                -- JSON array of source ids
    linked     INTEGER NOT NULL,             -- how many of them are linked at the destination
    PRIMARY KEY (scope_id, source_id, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    name   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
