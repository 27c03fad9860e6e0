-- The clients that were let in during a sign-in, of those that want to be told of its end: what was granted then may be over and
-- gone long before the sign-in is.
CREATE TABLE session_client (
    session_id BLOB NOT NULL REFERENCES browser_session (id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_client_by_client ON session_client (client_id);

-- Clients that are still to be told that a sign-in has ended (OpenID Connect Back-Channel Logout §2.5). No reference to the sign-in
-- or the person: they may be gone by then.
CREATE TABLE logout_notice (
    session_id BLOB   NOT NULL,
    client_id  TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    user_id    BLOB   NOT NULL,
    ended_at   BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX logout_notice_due ON logout_notice (client_id, due_at);

-- Triggers, so that no path that lets a client in or ends a sign-in, now or later, can forget them; in the same commit.
CREATE TRIGGER grants_noted AFTER INSERT ON grants BEGIN
    INSERT INTO session_client (session_id, client_id)
    SELECT s.id, c.client_id FROM browser_session s, client c
    WHERE s.id = NEW.session_id AND c.client_id = NEW.client_id
        AND coalesce(json_extract(c.metadata, '$.logout.backchannel.uri'), json_extract(c.metadata, '$.logout.frontchannel.uri'))
            IS NOT NULL
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER browser_session_ended AFTER UPDATE OF ended_at ON browser_session
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN
    INSERT INTO logout_notice (session_id, client_id, user_id, ended_at, tries, due_at)
    SELECT NEW.id, c.client_id, NEW.user_id, NEW.ended_at, 0, NEW.ended_at
    FROM session_client s JOIN client c ON c.client_id = s.client_id
    WHERE s.session_id = NEW.id AND json_extract(c.metadata, '$.logout.backchannel.uri') IS NOT NULL
    ON CONFLICT DO NOTHING;
END;
