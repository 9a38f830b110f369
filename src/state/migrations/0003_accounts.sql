-- A target belongs to the accounts at its two ends; a dead letter belongs to the record's number in the read; sealed cells are bound
-- to their row. Foreign keys are not enforced while this runs: a table is dropped and comes back under its name.
ALTER TABLE scopes RENAME TO targets;
ALTER TABLE checkpoints RENAME COLUMN scope_id TO target_id;
ALTER TABLE ledgers RENAME COLUMN scope_id TO target_id;
ALTER TABLE id_map RENAME COLUMN scope_id TO target_id;
ALTER TABLE id_map RENAME COLUMN mapping_id TO entry_id;
ALTER TABLE intents RENAME COLUMN scope_id TO target_id;
ALTER TABLE links RENAME COLUMN scope_id TO target_id;
DROP INDEX intents_by_scope;
CREATE INDEX intents_by_target ON intents (target_id, operation);

-- One stream of a pipeline at one destination object, between two accounts.
CREATE TABLE targets_3 (
    target_id           INTEGER PRIMARY KEY,
    pipeline            TEXT NOT NULL,
    stream              TEXT NOT NULL,
    connection          TEXT NOT NULL,           -- of the destination
    object              TEXT NOT NULL,
    source_connection   TEXT,                    -- none: no run has opened it since accounts are kept
    source_account      TEXT,                    -- none: the source has no accounts
    destination_account TEXT,                    -- none: the destination has no accounts
    is_adoptable        INTEGER NOT NULL         -- from before accounts were kept: the first account seen owns it
) STRICT;
INSERT INTO targets_3 SELECT scope_id, pipeline, stream, connection, object, NULL, NULL, NULL, 1 FROM targets;
DROP TABLE targets;
ALTER TABLE targets_3 RENAME TO targets;
CREATE UNIQUE INDEX targets_by_name ON targets
    (pipeline, stream, connection, object, COALESCE(source_account, ''), COALESCE(destination_account, ''));

-- The accounts that a connection was seen at, in the order of the numbers.
CREATE TABLE accounts (
    pipeline   TEXT NOT NULL,
    connection TEXT NOT NULL,
    account    TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    PRIMARY KEY (pipeline, connection, account)
) STRICT, WITHOUT ROWID;

-- Source records that are the same as another one: links to them lead to the survivor.
CREATE TABLE duplicates (
    target_id    INTEGER NOT NULL REFERENCES targets,
    source_key   BLOB NOT NULL,
    survivor_key BLOB NOT NULL,                  -- keyed hash of the survivor's source id
    PRIMARY KEY (target_id, source_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX duplicates_by_survivor ON duplicates (target_id, survivor_key);

CREATE TABLE dead_letters_3 (
    letter_id   INTEGER PRIMARY KEY,
    run_id      TEXT NOT NULL REFERENCES runs,
    target_id   INTEGER NOT NULL REFERENCES targets,
    source_key  BLOB NOT NULL,
    kind        TEXT NOT NULL,                   -- rejected | held | link
    number      INTEGER NOT NULL,                -- of the record in the run's read; 0: not of a record that was read
    line        INTEGER,                         -- of the source's file
    code        TEXT NOT NULL,
    field       TEXT,
    sealed      BLOB NOT NULL,                   -- source id, reason, value, source record, mapped record, request id
    created_at  TEXT NOT NULL,
    resolved_at TEXT,
    chunk       INTEGER NOT NULL                 -- of its run
) STRICT;
INSERT INTO dead_letters_3
SELECT letter_id, run_id, scope_id, source_key, kind, 0, NULL, code, field, rebound(sealed, 'dead_letters', scope_id, letter_id),
       created_at, resolved_at, chunk
FROM (SELECT row_number() OVER (ORDER BY run_id, scope_id) AS letter_id, * FROM dead_letters);
DROP TABLE dead_letters;
ALTER TABLE dead_letters_3 RENAME TO dead_letters;
CREATE UNIQUE INDEX dead_letters_by_number ON dead_letters (run_id, target_id, kind, number) WHERE number > 0;
CREATE UNIQUE INDEX dead_letters_by_name ON dead_letters (run_id, target_id, kind, source_key, COALESCE(field, '')) WHERE number = 0;
CREATE INDEX dead_letters_by_run ON dead_letters (run_id, target_id);
CREATE INDEX dead_letters_by_source ON dead_letters (target_id, source_key) WHERE resolved_at IS NULL;
CREATE INDEX dead_letters_held ON dead_letters (target_id, code) WHERE kind = 'held' AND resolved_at IS NULL;

-- One process that worked on a run; a run that is stopped and resumed has several.
CREATE TABLE attempts (
    run_id      TEXT NOT NULL REFERENCES runs,
    number      INTEGER NOT NULL,                -- 1 is the first
    started_at  TEXT NOT NULL,
    finished_at TEXT,                            -- none: it works, or was killed
    exit_code   INTEGER,
    sealed      BLOB,                            -- the errors that ended it
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO attempts SELECT run_id, 1, started_at, finished_at, NULL, NULL FROM runs;

CREATE TABLE tokens_3 (
    name_key BLOB PRIMARY KEY,                   -- keyed hash of the login's name
    sealed   BLOB NOT NULL
) STRICT;
INSERT INTO tokens_3 SELECT token_key(name), rebound(sealed, 'tokens', hex(token_key(name))) FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_3 RENAME TO tokens;

UPDATE checkpoints SET sealed = rebound(sealed, 'checkpoints', target_id);
UPDATE ledgers SET sealed = rebound(sealed, 'ledgers', run_id, target_id);
UPDATE intents SET sealed = rebound(sealed, 'intents', target_id, intent_id);
UPDATE links SET sealed = rebound(sealed, 'links', target_id, link_id);
UPDATE key_check SET sealed = rebound(sealed, 'key_check');
