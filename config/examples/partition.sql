-- Turns grants, codes and refresh tokens into tables with 16 partitions by grant, for databases with tens of millions of them.
--
--     psql "$DATABASE_URL" --set ON_ERROR_STOP=1 --file partition.sql
--
-- Stop every node first, or let them answer 503 meanwhile: the tables are locked and every row is copied, which took 26 seconds
-- for a million grants with a code and a refresh token each. It happens in one transaction, all of it or nothing. There must be room
-- for both copies. Portcullis needs not be told: it asks the same tables.
--
-- Not before you must: what is presented is looked up by its digest in each partition, and PostgreSQL locks and plans all of them.
-- With 16 partitions loading a refresh token took the database 6 times the processor time (0.34 ms in place of 0.05), and a rotation
-- 4 to 6 times. What is won is maintenance: each partition is vacuumed, reindexed, moved or copied by itself.
--
-- On engines that distribute tables (Citus), the distribution column is the one named below for each table: `id` of grants,
-- `grant_id` of the others, so that a grant and all that belongs to it are on one node.
-- They take no triggers on such tables: drop those called `standing_…` from them first, and nodes keep no standings in memory.

BEGIN;

-- What is partitioned, by what. Referred to first.
CREATE TEMPORARY TABLE plan (position INT, name TEXT, key TEXT) ON COMMIT DROP;
INSERT INTO plan VALUES (1, 'grants', 'id'), (2, 'code', 'grant_id'), (3, 'refresh_token', 'grant_id');

CREATE TEMPORARY TABLE to_do (position SERIAL, command TEXT) ON COMMIT DROP;

LOCK TABLE grants, code, refresh_token, access_token, device_grant IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
    modulus CONSTANT INT := 16;
    step RECORD;
    part RECORD;
    options TEXT;
BEGIN
    IF EXISTS (SELECT FROM plan JOIN pg_class c ON c.oid = to_regclass(plan.name) WHERE c.relkind = 'p') THEN
        RAISE EXCEPTION 'the tables are partitioned already';
    END IF;

    -- References between tables go first and come back last, indexes and triggers in between, each as the catalog describes it.
    FOR step IN
        SELECT c.conname, c.conrelid::regclass::text AS owner, pg_get_constraintdef(c.oid) AS definition
        FROM pg_constraint c
        WHERE c.contype = 'f' AND (c.conrelid IN (SELECT to_regclass(name) FROM plan) OR c.confrelid IN (SELECT to_regclass(name) FROM plan))
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', step.owner, step.conname);
        INSERT INTO to_do (command) VALUES (format('ALTER TABLE %s ADD CONSTRAINT %I %s', step.owner, step.conname, step.definition));
    END LOOP;

    FOR step IN SELECT name, key FROM plan ORDER BY position LOOP
        SELECT coalesce('WITH (' || array_to_string(reloptions, ', ') || ')', '') INTO options
        FROM pg_class WHERE oid = to_regclass(step.name);

        EXECUTE format('CREATE TEMPORARY TABLE again ON COMMIT DROP AS
            SELECT 1 AS position, format(''ALTER TABLE %%I ADD CONSTRAINT %%I %%s'', %L, conname, pg_get_constraintdef(oid)) AS command
                FROM pg_constraint WHERE conrelid = %L::regclass AND contype IN (''p'', ''u'')
            UNION ALL SELECT 2, pg_get_indexdef(indexrelid) FROM pg_index
                WHERE indrelid = %L::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
            UNION ALL SELECT 3, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %L::regclass AND NOT tgisinternal',
            step.name, step.name, step.name, step.name);

        EXECUTE format('CREATE TABLE partitioned (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH (%I)', step.name, step.key);
        FOR remainder IN 0 .. modulus - 1 LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF partitioned FOR VALUES WITH (MODULUS %s, REMAINDER %s) %s',
                step.name || '_' || remainder, modulus, remainder, options);
            -- What the planner is told about columns is copied by nothing else.
            FOR part IN SELECT attname, array_to_string(attoptions, ', ') AS told FROM pg_attribute
                WHERE attrelid = to_regclass(step.name) AND attoptions IS NOT NULL
            LOOP
                EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET (%s)', step.name || '_' || remainder, part.attname, part.told);
            END LOOP;
        END LOOP;
        EXECUTE format('INSERT INTO partitioned SELECT * FROM %I', step.name);
        EXECUTE format('DROP TABLE %I', step.name);
        EXECUTE format('ALTER TABLE partitioned RENAME TO %I', step.name);
        FOR part IN SELECT command FROM again ORDER BY position LOOP
            EXECUTE part.command;
        END LOOP;
        DROP TABLE again;
    END LOOP;

    FOR step IN SELECT command FROM to_do ORDER BY to_do.position LOOP
        EXECUTE step.command;
    END LOOP;
END $$;

COMMIT;

ANALYZE grants, code, refresh_token;
