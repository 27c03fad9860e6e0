-- Single claims that clients asked for by the parameter `claims`: names with spaces between them.
ALTER TABLE grants ADD COLUMN userinfo_claims TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN id_token_claims TEXT NOT NULL DEFAULT '';
-- What a person allowed of them beyond the scope.
ALTER TABLE consent ADD COLUMN claims TEXT NOT NULL DEFAULT '';
