-- What tokens rest on, and what has changed of it: nodes keep it in memory, and ask here what they must forget. Written by triggers,
-- so that older programs and people who edit by hand tell of it, too. `xid` is the transaction that made the change: what a
-- snapshot sees and an earlier one did not see was made by a transaction that the earlier one's xmin is not above.
-- Unlogged: a crash, and a standby that takes over, empties it. Then the row of kind `life`, which every node compares, is
-- another one, and all is forgotten.
CREATE UNLOGGED TABLE standing_change (
    xid    xid8  NOT NULL DEFAULT pg_current_xact_id(),
    kind   TEXT  NOT NULL,
    key    BYTEA NOT NULL,
    -- Of the row `life`: older transactions are no longer told of.
    pruned xid8
);
CREATE INDEX standing_change_by_xid ON standing_change (xid);
CREATE UNIQUE INDEX standing_change_life ON standing_change (kind) WHERE kind = 'life';

CREATE FUNCTION tell_of_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standing_change (kind, key) VALUES ('grant', uuid_send(OLD.id));
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standing_change (kind, key) VALUES ('user', uuid_send(OLD.id));
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standing_change (kind, key) VALUES ('client', convert_to(OLD.client_id, 'UTF8'));
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_access_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standing_change (kind, key) VALUES ('token', OLD.digest);
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_jwt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO standing_change (kind, key) VALUES ('jwt', convert_to(OLD.jti, 'UTF8'));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO standing_change (kind, key) VALUES ('jwt', convert_to(NEW.jti, 'UTF8'));
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_everything() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standing_change (kind, key) VALUES ('all', '');
    RETURN NULL;
END $$;

-- Most updates change nothing of this, and cost nothing more. What is swept, time has ended before.
CREATE TRIGGER standing_changed AFTER UPDATE ON grants FOR EACH ROW
    WHEN ((OLD.ended_at, OLD.expires_at, OLD.authentication, OLD.userinfo_claims, OLD.user_id, OLD.client_id)
        IS DISTINCT FROM (NEW.ended_at, NEW.expires_at, NEW.authentication, NEW.userinfo_claims, NEW.user_id, NEW.client_id)
        OR OLD.id <> NEW.id)
    EXECUTE FUNCTION tell_of_grant();
CREATE TRIGGER standing_deleted AFTER DELETE ON grants FOR EACH ROW
    WHEN (current_setting('portcullis.sweeping', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION tell_of_grant();
CREATE TRIGGER standing_truncated AFTER TRUNCATE ON grants FOR EACH STATEMENT EXECUTE FUNCTION tell_of_everything();

CREATE TRIGGER standing_changed AFTER UPDATE ON users FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tell_of_user();
CREATE TRIGGER standing_deleted AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION tell_of_user();
CREATE TRIGGER standing_truncated AFTER TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION tell_of_everything();

CREATE TRIGGER standing_changed AFTER UPDATE ON client FOR EACH ROW
    WHEN ((OLD.disabled_at, OLD.created_at, OLD.client_id) IS DISTINCT FROM (NEW.disabled_at, NEW.created_at, NEW.client_id))
    EXECUTE FUNCTION tell_of_client();
CREATE TRIGGER standing_deleted AFTER DELETE ON client FOR EACH ROW EXECUTE FUNCTION tell_of_client();
CREATE TRIGGER standing_truncated AFTER TRUNCATE ON client FOR EACH STATEMENT EXECUTE FUNCTION tell_of_everything();

CREATE TRIGGER standing_changed AFTER UPDATE ON access_token FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tell_of_access_token();
CREATE TRIGGER standing_deleted AFTER DELETE ON access_token FOR EACH ROW
    WHEN (current_setting('portcullis.sweeping', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION tell_of_access_token();
CREATE TRIGGER standing_truncated AFTER TRUNCATE ON access_token FOR EACH STATEMENT EXECUTE FUNCTION tell_of_everything();

CREATE TRIGGER standing_changed AFTER INSERT OR UPDATE ON revoked_jwt FOR EACH ROW EXECUTE FUNCTION tell_of_jwt();
CREATE TRIGGER standing_deleted AFTER DELETE ON revoked_jwt FOR EACH ROW
    WHEN (current_setting('portcullis.sweeping', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION tell_of_jwt();
CREATE TRIGGER standing_truncated AFTER TRUNCATE ON revoked_jwt FOR EACH STATEMENT EXECUTE FUNCTION tell_of_everything();
