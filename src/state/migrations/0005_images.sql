-- What records of a destination held before a run wrote them, and what it wrote: `ferry undo` takes it back by this. One row for each
-- record that a run wrote; a record that it wrote twice keeps what it held first.
CREATE TABLE images (
    image_id       INTEGER PRIMARY KEY,
    run_id         TEXT NOT NULL REFERENCES runs,
    target_id      INTEGER NOT NULL REFERENCES targets,
    source_key     BLOB NOT NULL,
    destination_id TEXT NOT NULL,            -- sealed where ids are keys, as in id_map
    kind           TEXT NOT NULL,            -- created | updated | deleted
    sealed         BLOB NOT NULL,            -- source id, fields before, fields written, links
    entry_id       TEXT,                     -- destination_id of the id map's entry before; null: it had none
    entry_hash     BLOB,                     -- its content_hash
    entry_key      BLOB,                     -- its key_hash
    entry_run      TEXT,                     -- its written_run
    entry_as       TEXT,                     -- its written_as
    was_id         TEXT,                     -- destination_id before the record was created again
    undone_run     TEXT,                     -- the run that took it back, or looked at it and left it
    fate           TEXT                      -- restored | deleted | recreated | changed | gone | impossible | refused
) STRICT;
CREATE UNIQUE INDEX images_by_record ON images (run_id, target_id, source_key, destination_id);
CREATE INDEX images_by_run ON images (run_id, target_id, kind);
CREATE INDEX images_by_source ON images (target_id, source_key);
CREATE INDEX images_by_undo ON images (undone_run) WHERE undone_run IS NOT NULL;

-- The run that this one takes back.
ALTER TABLE runs ADD COLUMN undone_run TEXT;
