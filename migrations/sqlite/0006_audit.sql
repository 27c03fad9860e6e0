-- The audit trail. No foreign keys: an event outlives whom and what it names.
CREATE TABLE audit_event (
    -- The order in which events became visible: whoever has read up to a number has missed nothing before it. There is one
    -- writer at a time, so numbers rise in the order of commits; none is given twice.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         BLOB    NOT NULL UNIQUE,
    at         BIGINT  NOT NULL,
    kind       TEXT    NOT NULL,
    actor_kind TEXT    NOT NULL,
    actor_id   TEXT,
    subject    BLOB,
    client_id  TEXT,
    grant_id   BLOB,
    address    TEXT,
    reason     TEXT,
    request_id TEXT,
    count      BIGINT  NOT NULL,
    detail     TEXT    NOT NULL
);
CREATE INDEX audit_event_by_time ON audit_event (at, seq);
CREATE INDEX audit_event_by_subject ON audit_event (subject, at, seq);
CREATE INDEX audit_event_by_client ON audit_event (client_id, at, seq);
CREATE INDEX audit_event_by_address ON audit_event (address, at, seq);

-- Events are added, and go when their time is over. Nothing rewrites them.
CREATE TRIGGER audit_event_unchanged BEFORE UPDATE ON audit_event BEGIN
    SELECT RAISE(ABORT, 'audit events do not change');
END;
