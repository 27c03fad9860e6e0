-- Nodes keep whole grants in memory now, for the refresh tokens that they have issued: they are told of whatever changes of a grant.
-- the version before goes on: it forgets more than it must
DROP TRIGGER standing_changed ON grants;
CREATE TRIGGER standing_changed AFTER UPDATE ON grants FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tell_of_grant();
