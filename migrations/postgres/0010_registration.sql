-- Who may manage a client over HTTP (RFC 7592), and whether it registered itself.
CREATE TABLE client_registration (
    client_id       TEXT    PRIMARY KEY REFERENCES client (client_id) ON DELETE CASCADE,
    -- SHA-256 of the registration access token.
    token_digest    BYTEA   NOT NULL,
    self_registered BOOLEAN NOT NULL,
    -- When it last asked for anything, to within a day.
    used_at         BIGINT  NOT NULL
);
CREATE INDEX client_registration_by_use ON client_registration (used_at);

-- What an operator hands out so that clients can register themselves (RFC 7591 §3).
CREATE TABLE initial_access_token (
    id         UUID   PRIMARY KEY,
    digest     BYTEA   NOT NULL UNIQUE,
    label      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    max_uses   BIGINT,
    uses       BIGINT NOT NULL
);
