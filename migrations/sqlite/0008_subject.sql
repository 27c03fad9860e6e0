-- What makes the pairwise `sub` of a person one that nobody can compute or look up (OpenID Connect Core 8.1). A new column
-- cannot have a drawn default here, so the rows that are there are filled; new accounts bring theirs.
ALTER TABLE users ADD COLUMN pairwise_salt BLOB NOT NULL DEFAULT x'';
UPDATE users SET pairwise_salt = randomblob(32);
