-- Devices that ask to be let in (RFC 8628). The device code is here as its SHA-256 digest; the user code, of which a person
-- can type only so much, as an HMAC under a key that is not in the database.

CREATE TABLE device_grant (
    id            UUID   PRIMARY KEY,
    digest        BYTEA  NOT NULL UNIQUE,
    user_code     BYTEA  NOT NULL UNIQUE,
    client_id     TEXT   NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
    scope         TEXT   NOT NULL,
    resources     JSONB  NOT NULL,
    address       TEXT,
    user_agent    TEXT,
    poll_interval BIGINT NOT NULL,
    slowed_at     BIGINT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    decision      TEXT,
    decided_at    BIGINT,
    grant_id      UUID   REFERENCES grants (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    redeemed_at   BIGINT,
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX device_grant_by_client ON device_grant (client_id);
CREATE INDEX device_grant_by_grant ON device_grant (grant_id);
CREATE INDEX device_grant_unredeemed ON device_grant (expires_at) WHERE redeemed_at IS NULL;

-- A browser in which somebody entered the user code of a device. The code itself is sealed, to be shown for comparison.
CREATE TABLE device_visit (
    id          UUID   PRIMARY KEY,
    browser     UUID   NOT NULL,
    device_id   UUID   NOT NULL REFERENCES device_grant (id) ON DELETE CASCADE,
    sealed_code BYTEA  NOT NULL
);
CREATE INDEX device_visit_by_device ON device_visit (device_id);
