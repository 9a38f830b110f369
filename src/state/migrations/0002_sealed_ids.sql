-- Source ids, links and cursors leave the file's text: a CSV file's ids may be addresses. What is only looked up is a keyed hash
-- now (`source_key`, `key_hash`, and `content_hash` under a mask), what is read again is sealed. The functions are in `migrate.rs`.
-- Rows keep the order in which they came, so that a run that reads them in the same order touches few pages at a time.
CREATE TABLE id_map_2 (
    mapping_id     INTEGER PRIMARY KEY,
    scope_id       INTEGER NOT NULL REFERENCES scopes,
    source_key     BLOB NOT NULL,            -- keyed hash of the source's id
    destination_id TEXT NOT NULL,
    content_hash   BLOB NOT NULL,            -- masked with a keyed hash of `source_key`
    key_hash       BLOB,                     -- keyed hash of the key's values; none without a key
    written_run    TEXT NOT NULL,
    written_as     TEXT NOT NULL,            -- created | updated
    seen_run       TEXT NOT NULL,
    seen_chunk     INTEGER NOT NULL,
    is_missing     INTEGER NOT NULL DEFAULT 0,  -- the destination was found not to hold it any more
    is_renewed     INTEGER NOT NULL DEFAULT 0   -- it has a new destination id, and links to it are to be set again
) STRICT;
INSERT INTO id_map_2 (scope_id, source_key, destination_id, content_hash, key_hash, written_run, written_as, seen_run, seen_chunk)
SELECT scope_id, source_key(source_id), destination_id, masked(source_key(source_id), content_hash), key_hash(key_hash),
       written_run, written_as, seen_run, seen_chunk
FROM id_map;
DROP TABLE id_map;
ALTER TABLE id_map_2 RENAME TO id_map;
CREATE UNIQUE INDEX id_map_by_source ON id_map (scope_id, source_key);
CREATE INDEX id_map_by_key ON id_map (scope_id, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX id_map_by_destination ON id_map (scope_id, destination_id);
CREATE INDEX id_map_missing ON id_map (scope_id) WHERE is_missing = 1;
CREATE INDEX id_map_renewed ON id_map (scope_id) WHERE is_renewed = 1;

-- Every link that was written or waits: those of a record that had to be created again are set again.
CREATE TABLE links (
    link_id    INTEGER PRIMARY KEY,
    scope_id   INTEGER NOT NULL REFERENCES scopes,
    source_key BLOB NOT NULL,
    field      TEXT NOT NULL,                -- by the destination's name
    stream     TEXT NOT NULL,                -- whose records are linked
    total      INTEGER NOT NULL,             -- how many records it leads to
    linked     INTEGER NOT NULL,             -- how many of them are linked at the destination
    sealed     BLOB NOT NULL                 -- the source ids of both ends
) STRICT;
INSERT INTO links (scope_id, source_key, field, stream, total, linked, sealed)
SELECT scope_id, source_key(source_id), field, stream, json_array_length(targets), linked, sealed_link(source_id, targets)
FROM pending_links ORDER BY scope_id, source_id;
DROP TABLE pending_links;
CREATE UNIQUE INDEX links_by_record ON links (scope_id, source_key, field);
CREATE INDEX links_pending ON links (scope_id) WHERE linked < total;

CREATE TABLE checkpoints_2 (
    scope_id  INTEGER PRIMARY KEY REFERENCES scopes,
    run_id    TEXT NOT NULL,
    sealed    BLOB NOT NULL,                 -- the cursor
    chunk     INTEGER NOT NULL,              -- chunks of this run that are loaded
    saved_at  TEXT NOT NULL,
    number    INTEGER NOT NULL               -- the order of saving; the machine's clock may jump back
) STRICT;
INSERT INTO checkpoints_2
SELECT scope_id, run_id, sealed_json(cursor), chunk, saved_at, row_number() OVER (ORDER BY saved_at) FROM checkpoints;
DROP TABLE checkpoints;
ALTER TABLE checkpoints_2 RENAME TO checkpoints;

CREATE TABLE ledgers_2 (
    run_id       TEXT NOT NULL REFERENCES runs,
    scope_id     INTEGER NOT NULL REFERENCES scopes,
    position     INTEGER NOT NULL,           -- order in the pipeline
    sealed       BLOB,                       -- the cursor that the run began at
    status       TEXT NOT NULL,              -- running | done | failed
    ledger       TEXT NOT NULL,              -- model::Ledger as JSON
    calls        TEXT NOT NULL,              -- model::Calls as JSON
    message      TEXT,                       -- why it failed, without personal values
    chunk        INTEGER NOT NULL,           -- up to which chunk of the run the counts go
    PRIMARY KEY (run_id, scope_id)
) STRICT, WITHOUT ROWID;
INSERT INTO ledgers_2
SELECT run_id, scope_id, position, sealed_json(start_cursor), status, ledger, calls, message, 0 FROM ledgers;
DROP TABLE ledgers;
ALTER TABLE ledgers_2 RENAME TO ledgers;

CREATE TABLE intents_2 (
    intent_id  INTEGER PRIMARY KEY,
    run_id     TEXT NOT NULL REFERENCES runs,
    scope_id   INTEGER NOT NULL REFERENCES scopes,
    operation  TEXT NOT NULL,
    sealed     BLOB NOT NULL,                -- the source ids
    created_at TEXT NOT NULL
) STRICT;
INSERT INTO intents_2 SELECT intent_id, run_id, scope_id, operation, sealed_json(source_ids), created_at FROM intents;
DROP TABLE intents;
ALTER TABLE intents_2 RENAME TO intents;
CREATE INDEX intents_by_scope ON intents (scope_id, operation);

CREATE TABLE dead_letters_2 (
    run_id      TEXT NOT NULL REFERENCES runs,
    scope_id    INTEGER NOT NULL REFERENCES scopes,
    source_key  BLOB NOT NULL,
    kind        TEXT NOT NULL,               -- rejected | held | link
    code        TEXT NOT NULL,
    field       TEXT,
    sealed      BLOB NOT NULL,               -- source id, reason, value, source record, mapped record, request id
    created_at  TEXT NOT NULL,
    resolved_at TEXT,
    chunk       INTEGER NOT NULL,            -- of its run
    PRIMARY KEY (run_id, scope_id, source_key, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO dead_letters_2
SELECT run_id, scope_id, source_key(source_id), kind, code, field, sealed_letter(source_id, sealed), created_at, resolved_at,
       0
FROM dead_letters;
DROP TABLE dead_letters;
ALTER TABLE dead_letters_2 RENAME TO dead_letters;
CREATE INDEX dead_letters_by_source ON dead_letters (scope_id, source_key) WHERE resolved_at IS NULL;
CREATE INDEX dead_letters_held ON dead_letters (scope_id, code) WHERE kind = 'held' AND resolved_at IS NULL;

-- Something that only the right key opens: with another one no id would be found again.
CREATE TABLE key_check (
    sealed BLOB NOT NULL
) STRICT;
