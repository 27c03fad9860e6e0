-- How often something was tried lately. The key is an HMAC of what is limited (a user, an address, …), never the thing itself.
CREATE TABLE throttle (
    key_digest BLOB   PRIMARY KEY,
    -- When everything that was taken has grown back, in unix milliseconds; from then on the row means nothing.
    tat_ms     BIGINT NOT NULL,
    -- Until when, in unix seconds, a refusal has been reported.
    told_until BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX throttle_by_end ON throttle (tat_ms);
