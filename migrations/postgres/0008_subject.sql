-- What makes the pairwise `sub` of a person one that nobody can compute or look up (OpenID Connect Core 8.1). The default
-- fills the rows that are there, each with its own; new accounts bring theirs.
ALTER TABLE users ADD COLUMN pairwise_salt BYTEA NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
