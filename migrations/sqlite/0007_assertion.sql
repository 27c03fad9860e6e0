-- The client's secret itself, for those that prove with it by an HMAC (client_secret_jwt): sealed under the master key.
ALTER TABLE client_secret ADD COLUMN sealed BLOB;

-- Client assertions that were used: a digest over the client and the jti.
CREATE TABLE client_assertion (
    digest     BLOB   PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX client_assertion_by_expiry ON client_assertion (expires_at);
