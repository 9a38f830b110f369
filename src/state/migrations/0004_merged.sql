-- Records that a run took for the same as others, the first of each run and target: the details of the ledger's `duplicate`.
CREATE TABLE merged (
    run_id       TEXT NOT NULL,
    target_id    INTEGER NOT NULL REFERENCES targets,
    source_key   BLOB NOT NULL,
    survivor_key BLOB NOT NULL,                  -- keyed hash of the survivor's source id
    sealed       BLOB NOT NULL,                  -- source ids of both, as far as they are known
    PRIMARY KEY (run_id, target_id, source_key)
) STRICT, WITHOUT ROWID;

-- Whether ids at the destination are sealed: they are the records' keys, such as mail addresses.
ALTER TABLE targets ADD COLUMN seals_ids INTEGER NOT NULL DEFAULT 0;
