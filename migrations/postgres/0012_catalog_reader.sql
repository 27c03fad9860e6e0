-- Which nodes keep clients, APIs and keys in memory, and as of which version: whoever changes the catalog waits until no other
-- node counts on what was before. Unlogged: it is worth nothing after a crash, which resets it; then the row of nobody is missing,
-- and the next writer waits as long as a node may have counted on the version before.
CREATE UNLOGGED TABLE catalog_reader (
    node  UUID   PRIMARY KEY,
    seen  BIGINT NOT NULL,
    -- Another number for each time that the node looked.
    beat  BIGINT NOT NULL,
    -- How long it counts on what it saw, in milliseconds.
    lasts BIGINT NOT NULL
) WITH (fillfactor = 50);
INSERT INTO catalog_reader (node, seen, beat, lasts)
    VALUES ('00000000-0000-0000-0000-000000000000', 9223372036854775807, 0, 0);

CREATE FUNCTION tell_of_catalog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('portcullis_catalog', '');
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_version_changed AFTER UPDATE ON catalog_version
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION tell_of_catalog();
