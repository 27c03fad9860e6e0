-- Times are unix seconds. Secrets, codes and tokens are here only as SHA-256 digests or argon2id hashes.

CREATE TABLE users (
    id            BLOB   PRIMARY KEY,
    username      TEXT   NOT NULL UNIQUE,
    password_hash TEXT,
    claims        TEXT   NOT NULL,
    is_admin      BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);

CREATE TABLE client (
    client_id   TEXT   PRIMARY KEY,
    revision    BIGINT NOT NULL,
    metadata    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE client_secret (
    id            BLOB   PRIMARY KEY,
    client_id     TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    digest        BLOB,
    password_hash TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    CHECK ((digest IS NULL) <> (password_hash IS NULL))
);
CREATE INDEX client_secret_by_client ON client_secret (client_id);

CREATE TABLE client_logo (
    client_id  TEXT  PRIMARY KEY REFERENCES client (client_id) ON DELETE CASCADE,
    media_type TEXT  NOT NULL,
    image      BLOB  NOT NULL
);

-- The web origins of a client's redirect URIs: who may read answers across origins.
CREATE TABLE client_origin (
    origin    TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    PRIMARY KEY (origin, client_id)
);
CREATE INDEX client_origin_by_client ON client_origin (client_id);

CREATE TABLE api (
    id         BLOB   PRIMARY KEY,
    audience   TEXT   NOT NULL UNIQUE,
    settings   TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE signing_key (
    kid            TEXT   PRIMARY KEY,
    alg            TEXT   NOT NULL,
    generation     BIGINT NOT NULL,
    public_jwk     TEXT   NOT NULL,
    sealed_private BLOB   NOT NULL,
    created_at     BIGINT NOT NULL,
    active_from    BIGINT NOT NULL,
    retires_at     BIGINT,
    gone_at        BIGINT,
    UNIQUE (alg, generation)
);

-- Cookie sessions, keyed by the digest of the cookie's value.
CREATE TABLE web_session (
    id_digest  BLOB   PRIMARY KEY,
    data       TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX web_session_by_expiry ON web_session (expires_at);

CREATE TABLE browser_session (
    id           BLOB   PRIMARY KEY,
    user_id      BLOB   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_time    BIGINT NOT NULL,
    acr          TEXT   NOT NULL,
    amr          TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT,
    user_agent   TEXT
);
CREATE INDEX browser_session_by_user ON browser_session (user_id);
CREATE INDEX browser_session_by_expiry ON browser_session (expires_at);

CREATE TABLE interaction (
    id           BLOB   PRIMARY KEY,
    browser      BLOB   NOT NULL,
    request      TEXT   NOT NULL,
    progress     TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    completed_at BIGINT
);
CREATE INDEX interaction_by_expiry ON interaction (expires_at);

CREATE TABLE consent (
    user_id    BLOB   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    scope      TEXT   NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consent_by_client ON consent (client_id);

CREATE TABLE grants (
    id             BLOB    PRIMARY KEY,
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id      TEXT    NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    session_id     BLOB    NOT NULL,
    scope          TEXT    NOT NULL,
    resources      TEXT    NOT NULL,
    authentication TEXT    NOT NULL,
    offline        BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL,
    expires_at     BIGINT  NOT NULL,
    ended_at       BIGINT,
    end_reason     TEXT
);
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_session ON grants (session_id);
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE code (
    digest        BLOB   PRIMARY KEY,
    grant_id      BLOB   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    redirect_uri  TEXT   NOT NULL,
    challenge     BLOB,
    nonce         TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    redeemed_at   BIGINT,
    failed_proofs BIGINT NOT NULL
);
CREATE INDEX code_by_grant ON code (grant_id);
CREATE INDEX code_unredeemed ON code (expires_at) WHERE redeemed_at IS NULL;

CREATE TABLE refresh_token (
    digest      BLOB   PRIMARY KEY,
    grant_id    BLOB   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    generation  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    spent_at    BIGINT,
    replaced_at BIGINT
);
CREATE INDEX refresh_token_by_grant ON refresh_token (grant_id, generation);

-- Opaque access tokens.
CREATE TABLE access_token (
    digest     BLOB   PRIMARY KEY,
    grant_id   BLOB   REFERENCES grants (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    content    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_token_by_grant ON access_token (grant_id);
CREATE INDEX access_token_by_client ON access_token (client_id);
CREATE INDEX access_token_by_expiry ON access_token (expires_at);

-- JWT access tokens that were revoked before their time, until that time.
CREATE TABLE revoked_jwt (
    jti        TEXT   PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_jwt_by_expiry ON revoked_jwt (expires_at);

-- Counts every change of clients, APIs and keys, so that what nodes keep in memory is exactly as old as this number.
CREATE TABLE catalog_version (
    id      BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO catalog_version (id, version) VALUES (1, 1);

CREATE TRIGGER client_inserted AFTER INSERT ON client BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_updated AFTER UPDATE ON client BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_deleted AFTER DELETE ON client BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_secret_inserted AFTER INSERT ON client_secret BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_secret_updated AFTER UPDATE ON client_secret BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_secret_deleted AFTER DELETE ON client_secret BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_logo_inserted AFTER INSERT ON client_logo BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_logo_updated AFTER UPDATE ON client_logo BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER client_logo_deleted AFTER DELETE ON client_logo BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER api_inserted AFTER INSERT ON api BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER api_updated AFTER UPDATE ON api BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER api_deleted AFTER DELETE ON api BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER signing_key_inserted AFTER INSERT ON signing_key BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER signing_key_updated AFTER UPDATE ON signing_key BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
CREATE TRIGGER signing_key_deleted AFTER DELETE ON signing_key BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
