-- Stays empty: here a node sees by the file itself that nothing was written.
CREATE TABLE catalog_reader (
    node  BLOB   PRIMARY KEY,
    seen  BIGINT NOT NULL,
    beat  BIGINT NOT NULL,
    lasts BIGINT NOT NULL
);
