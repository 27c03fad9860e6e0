-- Codes and refresh tokens can be partitioned by their grant: what is unique in a partitioned table includes what it is partitioned by.
ALTER TABLE code DROP CONSTRAINT code_pkey, ADD PRIMARY KEY (digest, grant_id);
ALTER TABLE refresh_token DROP CONSTRAINT refresh_token_pkey, ADD PRIMARY KEY (digest, grant_id);

-- Room in each page for the next version of its rows: an update that stays in its page touches no index.
ALTER TABLE refresh_token SET (fillfactor = 85);
ALTER TABLE grants SET (fillfactor = 90);
ALTER TABLE browser_session SET (fillfactor = 85);
ALTER TABLE web_session SET (fillfactor = 85);
ALTER TABLE interaction SET (fillfactor = 70);
ALTER TABLE throttle SET (fillfactor = 70);
-- Rewritten by every change of a client; alone in its table.
ALTER TABLE catalog_version SET (fillfactor = 20);
