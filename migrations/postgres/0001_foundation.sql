-- Times are unix seconds. Secrets, codes and tokens are here only as SHA-256 digests or argon2id hashes.

CREATE TABLE users (
    id            UUID   PRIMARY KEY,
    username      TEXT   NOT NULL UNIQUE,
    password_hash TEXT,
    claims        JSONB  NOT NULL,
    is_admin      BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);

CREATE TABLE client (
    client_id   TEXT   PRIMARY KEY,
    revision    BIGINT NOT NULL,
    metadata    JSONB  NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE client_secret (
    id            UUID   PRIMARY KEY,
    client_id     TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    digest        BYTEA,
    password_hash TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    CHECK ((digest IS NULL) <> (password_hash IS NULL))
);
CREATE INDEX client_secret_by_client ON client_secret (client_id);

CREATE TABLE client_logo (
    client_id  TEXT  PRIMARY KEY REFERENCES client (client_id) ON DELETE CASCADE,
    media_type TEXT  NOT NULL,
    image      BYTEA NOT NULL
);

-- The web origins of a client's redirect URIs: who may read answers across origins.
CREATE TABLE client_origin (
    origin    TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    PRIMARY KEY (origin, client_id)
);
CREATE INDEX client_origin_by_client ON client_origin (client_id);

CREATE TABLE api (
    id         UUID   PRIMARY KEY,
    audience   TEXT   NOT NULL UNIQUE,
    settings   JSONB  NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE signing_key (
    kid            TEXT   PRIMARY KEY,
    alg            TEXT   NOT NULL,
    generation     BIGINT NOT NULL,
    public_jwk     JSONB  NOT NULL,
    sealed_private BYTEA  NOT NULL,
    created_at     BIGINT NOT NULL,
    active_from    BIGINT NOT NULL,
    retires_at     BIGINT,
    gone_at        BIGINT,
    UNIQUE (alg, generation)
);

-- Cookie sessions, keyed by the digest of the cookie's value.
CREATE TABLE web_session (
    id_digest  BYTEA  PRIMARY KEY,
    data       JSONB  NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX web_session_by_expiry ON web_session (expires_at);

CREATE TABLE browser_session (
    id           UUID   PRIMARY KEY,
    user_id      UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_time    BIGINT NOT NULL,
    acr          TEXT   NOT NULL,
    amr          JSONB  NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT,
    user_agent   TEXT
);
CREATE INDEX browser_session_by_user ON browser_session (user_id);
CREATE INDEX browser_session_by_expiry ON browser_session (expires_at);

CREATE TABLE interaction (
    id           UUID   PRIMARY KEY,
    browser      UUID   NOT NULL,
    request      JSONB  NOT NULL,
    progress     JSONB  NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    completed_at BIGINT
);
CREATE INDEX interaction_by_expiry ON interaction (expires_at);

CREATE TABLE consent (
    user_id    UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    scope      TEXT   NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consent_by_client ON consent (client_id);

CREATE TABLE grants (
    id             UUID    PRIMARY KEY,
    user_id        UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id      TEXT    NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    session_id     UUID    NOT NULL,
    scope          TEXT    NOT NULL,
    resources      JSONB   NOT NULL,
    authentication JSONB   NOT NULL,
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
    digest        BYTEA  PRIMARY KEY,
    grant_id      UUID   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    redirect_uri  TEXT   NOT NULL,
    challenge     BYTEA,
    nonce         TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    redeemed_at   BIGINT,
    failed_proofs BIGINT NOT NULL
);
CREATE INDEX code_by_grant ON code (grant_id);
CREATE INDEX code_unredeemed ON code (expires_at) WHERE redeemed_at IS NULL;

CREATE TABLE refresh_token (
    digest      BYTEA  PRIMARY KEY,
    grant_id    UUID   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    generation  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    spent_at    BIGINT,
    replaced_at BIGINT
);
CREATE INDEX refresh_token_by_grant ON refresh_token (grant_id, generation);

-- Opaque access tokens.
CREATE TABLE access_token (
    digest     BYTEA  PRIMARY KEY,
    grant_id   UUID   REFERENCES grants (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    content    JSONB  NOT NULL,
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

CREATE FUNCTION bump_catalog_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_version SET version = version + 1 WHERE id = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER client_changed AFTER INSERT OR UPDATE OR DELETE ON client
    FOR EACH ROW EXECUTE FUNCTION bump_catalog_version();
CREATE TRIGGER client_secret_changed AFTER INSERT OR UPDATE OR DELETE ON client_secret
    FOR EACH ROW EXECUTE FUNCTION bump_catalog_version();
CREATE TRIGGER client_logo_changed AFTER INSERT OR UPDATE OR DELETE ON client_logo
    FOR EACH ROW EXECUTE FUNCTION bump_catalog_version();
CREATE TRIGGER api_changed AFTER INSERT OR UPDATE OR DELETE ON api
    FOR EACH ROW EXECUTE FUNCTION bump_catalog_version();
CREATE TRIGGER signing_key_changed AFTER INSERT OR UPDATE OR DELETE ON signing_key
    FOR EACH ROW EXECUTE FUNCTION bump_catalog_version();
