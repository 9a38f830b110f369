-- The source's id of each record beside its hash, so that `ferry ids` can print the map; and since when, and by which run, a record has its
-- id at the destination. What older files hold in other sealed cells is put here too; the rest is filled in as records are read.
ALTER TABLE id_map ADD COLUMN sealed BLOB;               -- the source's id; none: not known, because an older version wrote the entry
ALTER TABLE id_map ADD COLUMN mapped_at INTEGER;         -- since when it has its destination id, in seconds of Unix time; none: not known
ALTER TABLE id_map ADD COLUMN mapped_run TEXT;           -- the run that found or gave it that id, where it is not `written_run`
UPDATE id_map SET
  sealed = COALESCE(
    (SELECT id_of_link(id_map.target_id, id_map.source_key, links.link_id, links.sealed)
     FROM links WHERE links.target_id = id_map.target_id AND links.source_key = id_map.source_key LIMIT 1),
    (SELECT id_of_image(id_map.target_id, id_map.source_key, images.image_id, images.sealed)
     FROM images WHERE images.target_id = id_map.target_id AND images.source_key = id_map.source_key LIMIT 1)),
  mapped_at = CASE written_as WHEN 'created' THEN (SELECT unixepoch(started_at) FROM runs WHERE run_id = written_run) END;
CREATE INDEX id_map_unnamed ON id_map (target_id) WHERE sealed IS NULL;

ALTER TABLE duplicates ADD COLUMN sealed BLOB;           -- the source's id; none: not known, as in id_map

-- What an image puts back of the id map.
ALTER TABLE images ADD COLUMN entry_at INTEGER;          -- its mapped_at
ALTER TABLE images ADD COLUMN entry_mapped TEXT;         -- its mapped_run
