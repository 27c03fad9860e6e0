-- A revoked key is out at once, whatever its other times say: not published, and nothing that it signed counts.
ALTER TABLE signing_key ADD COLUMN revoked_at BIGINT;
