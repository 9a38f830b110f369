-- What each night left behind: commands that ended before their run began, attempts that were killed, what an attempt left the run's
-- counts at, and what came of telling people.
ALTER TABLE runs ADD COLUMN is_begun INTEGER NOT NULL DEFAULT 1;  -- 0: it ended before anything was read or written
ALTER TABLE attempts ADD COLUMN last_sign_at TEXT;                -- of a killed one: the last that is known of it
ALTER TABLE attempts ADD COLUMN ledger TEXT;                      -- model::Ledger as JSON: the run's counts when it ended
ALTER TABLE attempts ADD COLUMN quotas TEXT;                      -- JSON: connection to the share that was used, from 0 to 1
ALTER TABLE attempts ADD COLUMN notices BLOB;                     -- sealed: who was told of its end, and whether they were reached
ALTER TABLE attempts ADD COLUMN place INTEGER NOT NULL DEFAULT 0;  -- among all attempts of the file, since clocks jump
CREATE INDEX attempts_by_start ON attempts (started_at);
CREATE INDEX attempts_by_place ON attempts (place);
CREATE INDEX runs_at_work ON runs (pipeline) WHERE status = 'running';

-- Commands at work whose run has not begun: which run it is, is known when the accounts are. One for each pipeline, as its lease is.
CREATE TABLE starts (
    pipeline   TEXT PRIMARY KEY,
    run_id     TEXT NOT NULL,                    -- that it gets if it never begins
    file       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    started_at TEXT NOT NULL
) STRICT;

UPDATE attempts SET place = placed.place FROM (
    SELECT run_id, number, ROW_NUMBER() OVER (ORDER BY runs.rowid, number) AS place FROM attempts JOIN runs USING (run_id)) AS placed
WHERE placed.run_id = attempts.run_id AND placed.number = attempts.number;

-- Of runs from before, the last attempt gets what the run counted.
UPDATE attempts SET ledger = (
    SELECT json_object('read', COALESCE(SUM(json_extract(ledger, '$.read')), 0),
        'filtered', COALESCE(SUM(json_extract(ledger, '$.filtered')), 0), 'duplicate', COALESCE(SUM(json_extract(ledger, '$.duplicate')), 0),
        'unchanged', COALESCE(SUM(json_extract(ledger, '$.unchanged')), 0), 'created', COALESCE(SUM(json_extract(ledger, '$.created')), 0),
        'updated', COALESCE(SUM(json_extract(ledger, '$.updated')), 0), 'deleted', COALESCE(SUM(json_extract(ledger, '$.deleted')), 0),
        'rejected', COALESCE(SUM(json_extract(ledger, '$.rejected')), 0), 'held', COALESCE(SUM(json_extract(ledger, '$.held')), 0))
    FROM ledgers WHERE ledgers.run_id = attempts.run_id)
WHERE finished_at IS NOT NULL AND number = (SELECT MAX(number) FROM attempts AS later WHERE later.run_id = attempts.run_id);
