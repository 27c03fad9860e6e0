-- Where a browser was when its sign-in was last used; for its owner to recognise it by.
ALTER TABLE browser_session ADD COLUMN address TEXT;
