-- The audit trail. No foreign keys: an event outlives whom and what it names.
CREATE TABLE audit_event (
    -- The order in which events became visible: whoever has read up to a number has missed nothing before it.
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         UUID   NOT NULL UNIQUE,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    actor_kind TEXT   NOT NULL,
    actor_id   TEXT,
    subject    UUID,
    client_id  TEXT,
    grant_id   UUID,
    address    TEXT,
    reason     TEXT,
    request_id TEXT,
    count      BIGINT NOT NULL,
    detail     JSONB  NOT NULL
);
CREATE INDEX audit_event_by_time ON audit_event (at, seq);
CREATE INDEX audit_event_by_subject ON audit_event (subject, at, seq);
CREATE INDEX audit_event_by_client ON audit_event (client_id, at, seq);
CREATE INDEX audit_event_by_address ON audit_event (address, at, seq);

-- A sequence is drawn from in any order, and a low number may be committed after a high one. Here one transaction after the
-- other draws and commits, so that numbers rise in the order of commits.
CREATE FUNCTION audit_event_one_at_a_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7160, 6);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_event_in_order BEFORE INSERT ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_one_at_a_time();

-- Events are added, and go when their time is over. Nothing rewrites them.
CREATE FUNCTION audit_event_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events do not change';
END $$;
CREATE TRIGGER audit_event_unchanged BEFORE UPDATE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_written_once();
