//! Why it is built so. Nothing here is code.
//!
//! # Load, decide, commit
//!
//! A request does at most one business read, then one pure decision, then at most one write. The decision is a function whose
//! body is the list of its checks ([`crate::authorize::validate`], [`crate::grants::decide_code`],
//! [`crate::grants::decide_refresh`], [`crate::grants::decide_device`], [`crate::authorize::next_step()`]), so a reviewer sees a missing check without opening
//! any, and every rule can be called from a test. Secrets are drawn and tokens signed before the write, so that the write can
//! be one statement on PostgreSQL and one short transaction on SQLite, and a failure of either leaves nothing behind.
//!
//! # Used once
//!
//! Whatever may happen once is claimed by one conditional write whose row count is looked at, in the transaction that creates
//! what it buys: a code ([`crate::store::Store::redeem_code`]), a refresh token
//! ([`crate::store::Store::rotate_refresh_token`]), an answer to a consent page ([`crate::store::Store::issue_code`]). What a
//! refusal has to leave behind (a failed proof, a revoked grant) is a commit of its own, so no refusal can roll it back.
//!
//! # The grant is the heart
//!
//! A grant is the record that this user authorized this client for this scope in this sign-in. Codes, refresh tokens and
//! access tokens name their grant, and every use of them looks whether it stands. Ending a grant is therefore one write, and
//! nothing has to be found and deleted: not when a code is replayed, nor when an account is disabled while a refresh is under
//! way. The refresh may still insert its token, which is dead on arrival.
//!
//! Without `offline_access` a grant ends with the sign-in that gave it, and there is no refresh token. With it, the grant
//! lasts to its absolute end, which rotation never moves.
//!
//! # Refresh tokens
//!
//! Each grant has one live leaf. Using it spends it and issues the next. A spent token that comes back means that two parties
//! hold it, and ends the grant, with one exception: for `tokens.refresh_retry_window` (10 s) its own client may ask again, if
//! the successor was never used. Then the successor is replaced, not joined, so that there is still one leaf. That covers lost
//! answers and two tabs; a replaced token that turns up later is refused without ending anything, since it was given out
//! honestly. Spent tokens are kept as long as their grant, so a restart forgets nothing.
//!
//! # Devices
//!
//! A device polls, and most polls find nothing: one costs a read by a unique key and no write
//! ([`crate::store::Store::load_device_grant`]). When a device last polled is therefore kept in the node's memory, bounded, and
//! not in its row; what is in the row, for all nodes to read, is the interval and when a poll last came too early. A device that
//! spreads its polls over several nodes is noticed by the first node that sees two of them too close, which writes down the longer
//! interval; from then on it holds everywhere. So with `n` nodes a device can poll `n` times as often as it was told before anybody
//! minds, which harms nobody: a device code has 256 bits. A poll up to a second early is let pass, and how fast a device polls
//! matters only while it waits, because `slow_down` is a way to say `authorization_pending`. The interval stops growing at the
//! request's own life, so that a device that never listens costs a bounded number of writes.
//!
//! A user code is what somebody can type, hence 34.5 bits by default: what protects it is its ten minutes, the count of wrong codes
//! by browser, person, address and altogether ([`crate::limits::user_code`]), and one letter more as soon as 500 codes are live, two
//! from 10,000 on ([`crate::authorize::device::start::code_length`]). It is stored as an HMAC under a key derived from the master
//! key, and for the page that shows it once more for comparison, sealed. Once entered, the code is bound to the browser; it is in no
//! address but the one that a device shows by itself (RFC 8628 §3.3.1), and that one only fills in the form.
//!
//! The question who asks, from where and for what is put every time, for trusted clients too, and nothing that was consented to
//! before answers it: phishing with a device code is an attacker's own, honest looking request (RFC 8628 §5.4), and this page is all
//! that stands in its way. What a person allows is a grant like any other: it ends with their sign-in unless it is for offline use,
//! and a device code that is redeemed twice ends it.
//!
//! # What is kept in memory
//!
//! Clients, APIs and signing keys change by an operator's hand. They are kept while `catalog_version` has not moved, a number
//! that triggers raise in the same commit. On SQLite the number is asked for only when the header of the write-ahead log's
//! index has changed, which every commit of every process does: a request of a machine client then costs two system calls
//! and no query, and still sees a client disabled a moment ago by the command line. On PostgreSQL the number comes with the
//! client in the one query that is needed anyway.
//!
//! # Two databases
//!
//! The default is one SQL text for both. Three hot writes differ: PostgreSQL gets a single statement with writing common
//! table expressions (one round trip instead of five), SQLite a `BEGIN IMMEDIATE` transaction. SQLite has one write connection:
//! writers then queue fairly in the pool instead of fighting for the file (measured with 16 writers: a p99 of 16 ms against
//! 105 ms). Instead of compile-time checked SQL, every statement is declared in one list that a test prepares on both
//! databases, and the two schemas are compared column by column.
//!
//! # Sign-in
//!
//! Every attempt costs one argon2id hash, whether or not the user exists. Hashing runs beside the request threads with as
//! many permits as there are cores and a bounded queue; beyond it the page says to try again (503), so a flood of sign-ins
//! takes neither memory nor the token endpoint's time. The cookie session gets a new id at each sign-in. Form tokens are bound
//! to the browser and the request they belong to, and after sign-in to the sign-in as well; cross-site posts are refused by
//! `Sec-Fetch-Site` and `Origin` before that.
//!
//! # Errors
//!
//! The wire carries a registered code and a fixed description; the precise [`crate::protocol::error::Reason`] goes to the log.
//! Until client and redirect URI are proven, an error is a page; afterwards it goes to the client, and only a
//! [`crate::authorize::Callback`] can send it there.
//!
//! # Threats that shaped the code
//!
//! * **Open redirect**: a callback is made from a registered URI only, compared as text; nothing of ours takes a return address.
//! * **Code injection and downgrade**: PKCE is required, a verifier without a challenge is refused, and proof comes before the
//!   replay check, so a leaked code cannot be used to end somebody's grant.
//! * **Mix-up**: every answer names its issuer (RFC 9207).
//! * **Stolen database**: tokens, codes, secrets and session ids are there as digests, signing keys sealed under a key that is
//!   not there.
//! * **Clickjacking, injection**: pages carry no script and a policy that allows none, and cannot be framed.
