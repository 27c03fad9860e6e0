-- Stays empty: here a node sees by the file itself that nothing was written.
CREATE TABLE standing_change (
    xid    BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    key    BLOB   NOT NULL,
    pruned BIGINT
);
