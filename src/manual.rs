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
//! # Clients that sign
//!
//! An assertion (RFC 7523) is read and its claims are judged before a key is looked for ([`crate::client_auth::assertion`]), so
//! that nothing is fetched for what cannot be right; it counts when a key of the client made its signature, and it is used up
//! last, by a conditional write that all nodes share: what is forged uses nothing up. The write is the price; a client that sends
//! its secret causes none. `client_secret_jwt` needs the secret itself, so there, and only there, it is kept: sealed under the
//! master key, for as long as the client is registered for that method.
//!
//! Keys that a client publishes are fetched when they are first needed and kept in each node's memory
//! ([`crate::client_keys`]). Whatever is sent, a client's server is asked by one request at a time and once in
//! `client_keys.refetch_interval`, and less often while it fails. An unknown key makes a node ask again, so a client that changes
//! its keys waits at most that long; a key that it took back counts until `client_keys.max_age`, and `max_stale` longer while
//! its server is away: whoever can keep it away prolongs the life of a stolen key by that, and not for ever.
//!
//! # What is kept in memory
//!
//! Clients, APIs and signing keys change by an operator's hand. They are kept while `catalog_version` has not moved, a number
//! that triggers raise in the same commit. On SQLite the number is asked for only when the header of the write-ahead log's
//! index has changed, which every commit of every process does: a request of a machine client then costs two system calls
//! and no query, and still sees a client disabled a moment ago by the command line.
//!
//! On PostgreSQL each node listens on a connection of its own ([`crate::jobs::catalog_watch`]), says in `catalog_reader` which
//! version it holds, reads the version after that is committed, and then counts on it for three seconds, renewed every second.
//! Whoever changes something returns when every other node has looked again: some milliseconds, as they are notified. So when
//! `client disable` has returned, no node lets that client in. A node that crashed or cannot be reached is waited for as long as it
//! may count on its memory, once, and then forgotten; after a crash of the database or a change of its primary, which empty
//! that table, the first change waits as long. A node that has lost its connection, or was told of a change, reads the client and
//! the number with each request until it has looked again. A pooler that lends connections by the transaction passes no
//! notifications on: changes then wait for the next beat, a second at most, and are as exact. A change by hand (`psql`) waits for
//! nobody: it counts within milliseconds, and within three seconds at the latest. Of clients, the 4096 that are used most are kept.
//!
//! # Several nodes, and two versions at once
//!
//! A balancer learns from `/readyz` that a node is about to stop, and it learns so late: a check interval or two. Until then it
//! sends requests, and what closes its door at the signal answers them with a refused connection. So a stopping node says so first
//! and serves on for `server.shutdown_delay`. In that time each HTTP/1 answer closes its connection: one that is told on an answer
//! is never closed under a request, as an idle one may be. HTTP/2 has a frame for it (GOAWAY), which is sent when the delay is over.
//!
//! A new version migrates while nodes of the one before serve, and those may be started again, by a supervisor or by whoever goes
//! back. That only works if migrations add (expand), and what they made needless goes a release later (contract). The migration
//! itself carries the difference, in its name ([`crate::store::Schema`]), because the name is what comes into the database and
//! can be read by a program that was built before: a table for it would have to be written by each migration that takes away, and a
//! forgotten line would be found in production. A test reads the migrations for statements that take away.
//!
//! # Older databases
//!
//! A restored backup is well-formed and wrong: what was spent since is fresh in it. No row can tell that, so each node notes
//! outside of the database how far it was ([`crate::jobs::last_seen`]), alarms when that fell, and an operator ends everything
//! that can be asked for again ([`crate::store::Store::end_everything`]). It does not end by itself: a server that signs
//! everybody out because a file was lost, or somebody moved it to another database on purpose, would be the worse fault.
//!
//! # Two databases
//!
//! The default is one SQL text for both. The hot writes differ: PostgreSQL gets a single statement with writing common
//! table expressions (one round trip instead of five), SQLite a short transaction on its one write connection, for which writers
//! queue fairly instead of fighting for the file (measured with 16 writers: a p99 of 16 ms against 105 ms). Whoever is done while
//! others wait leaves the transaction open and passes the connection on, and all are answered after the one commit that follows
//! (`store/group_commit.rs`). With 32 chains of refresh tokens that made 1.2 times as many rotations as single-row commits on the
//! same disk. An operation that fails, or whose caller goes away, is taken back to its savepoint; a commit that fails is one for all
//! who shared it. Instead of compile-time checked SQL, every statement is declared in one list that a test prepares on both
//! databases, and the two schemas are compared column by column.
//!
//! Reads are shared in another way (`store/coalesce.rs`). Whether a token still counts is asked of the database each time, so that
//! a revocation holds at once and everywhere, and nothing has to be told to anybody; but those who ask while a read is under way
//! are answered together by the next one, which begins after the last of them came. What was found is remembered: on SQLite until
//! the next commit of anybody, on PostgreSQL until it changes. There triggers write into `standing_change` what has changed, in the
//! same commit, and what is shared is one small question: what has committed since the last answer (`store/standing_feed.rs`)?
//! The answer is exact, and no clock and no delay is part of it: a revocation that began before, and committed late, is in it,
//! and a node that was away for longer than changes are kept forgets everything, as it does after a crash of the database or a
//! change of the primary. Changes by hand (`psql`) are told of, too; where triggers cannot be (tables that an engine distributes), and
//! while they are missing when a node begins, each request reads its rows. Whoever switches them off (`session_replication_role`)
//! must stop the nodes before.
//!
//! Refresh tokens are read together in this way on PostgreSQL, and rotated: a statement that waits for no row spends the leaves of
//! all who wait and commits for them (`store/rotations.rs`), and whom it leaves out has one of its own. A node also remembers the
//! leaves that it has issued, with grant and user (`store/leaves.rs`). Nothing of that is taken on trust: the statement that spends
//! such a leaf asks the same question in its own snapshot, and spends nothing if grant or user have changed or the leaf is not live;
//! then, and before anything is refused, the database is read. So most refreshes are one statement, which others share.
//!
//! Connections to PostgreSQL plan without sequential scans. A statement is planned once for each connection, perhaps while its
//! tables are small or have never been analysed, and would read them whole for as long as the connection lives. For the same reason
//! the planner is told, whatever it counts, that a grant has a hundred refresh tokens: while most have one, the index by grant
//! looks as good as the key, and the plan would later read whole chains for their last token.
//!
//! # More than one machine: the database
//!
//! Nodes keep nothing, so what must survive a machine is the database. Its copies are PostgreSQL's business: a standby follows the
//! primary, and something outside promotes it when that is lost. The URL names all hosts, and a new connection goes to the first that
//! takes writes, starting with the one that did so last (`store/servers.rs`); asking costs one round trip for each connection, which
//! lives half an hour, and none for a request. A host gets a second to answer, so that one without power does not use up the
//! patience of a request. When the host changes, no connection from before is used again: the old primary may be running still, cut
//! off from the others, and take writes that nobody else will ever see. A connection in doubt is asked whether it takes writes, and
//! not only whether it is there, since a primary that became a standby is there, too.
//!
//! No read goes to a standby. It is behind, by milliseconds or by hours, and whatever is read here decides on something: a code that
//! is spent, a grant that was ended, a client that was disabled. What may be stale, discovery and the key set, needs no database.
//!
//! What a promotion keeps depends on when the primary answers a commit:
//!
//! | setting of PostgreSQL | the primary is lost | the primary, then its disk |
//! |---|---|---|
//! | `synchronous_standby_names` set, `synchronous_commit = on` | every answered code, rotation, revocation and sign-out holds on the standby | the same |
//! | the same with `remote_apply` | the same; it costs the replay, and gains nothing, since no read goes there | the same |
//! | the same with `remote_write` | the same, unless the standby's machine stops in the same moment | the same |
//! | Patroni, `synchronous_mode: true` | the same while a standby follows; alone it goes on without | the same |
//! | … and `synchronous_mode_strict: true` | always the same; alone it takes no writes, and nodes answer 503 | the same |
//! | no synchronous standby | what was answered in the last moment may be undone: `portcullis after-restore` | the same |
//! | `synchronous_commit = off` or `local` | as without | as without |
//!
//! A commit that had no answer may be there afterwards or not, and once at most: whoever asks again is told so by the rules for lost
//! answers. PostgreSQL shows a commit to nobody before the standby has it, so nothing is answered on the strength of one that is lost.
//! A statement that is cut off in that wait counts as unanswered here; an operator must not cancel one (`pg_cancel_backend`), since
//! PostgreSQL then calls it done.
//!
//! What a node does, and when: a broken connection, a server that starts, stops or takes no writes is 503 with `Retry-After` at once;
//! one that says nothing, after `database.statement_timeout` and half a second. Then every older connection is tested before its next
//! use. Without any primary each request tries all hosts once. Measured on two cores with eight people at two nodes, all of it under
//! the load of other work: requests were served again 0.2 to 0.7 s after the promotion. The promotion itself is Patroni's
//! `ttl` when a machine is lost (20 s). `rows::failover` kills, promotes and hands over
//! under load and then asks for everything that was promised.
//!
//! # How far it goes
//!
//! What follows is arithmetic from measured costs, on two virtual cores of an AMD EPYC that the load and PostgreSQL 15 shared; a
//! table of `benches/run.sh` has them for any other machine.
//!
//! | what | server | PostgreSQL | commits |
//! |---|---|---|---|
//! | a client's own JWT | 0.04 ms | nothing | none |
//! | a refresh | 0.06 ms | 0.06 ms; 0.08 with ten million grants | 1, or a share of one |
//! | a code flow with a live sign-in | 0.37 ms | 0.66 ms | 2 |
//! | a sign-in | 17 ms, the hash | less than a flow | 2 |
//! | userinfo | 0.02 ms | 0.004 ms | none |
//!
//! | a row with its indexes | bytes | lives |
//! |---|---|---|
//! | user, consent | 405, 158 | as long as the account |
//! | sign-in, cookie session | 352, 326 | 60 days at most |
//! | grant, code | 374, 344 | `tokens.refresh_absolute_lifetime` (180 days), with offline access |
//! | refresh token, spent ones too | 298 | as long as its grant |
//!
//! Say that people sign in once a week, which is a code flow too, that their app refreshes ten times a day, and that the busiest
//! hour is five times the mean.
//!
//! | at the busiest hour | 100,000 people | 100,000,000 people |
//! |---|---|---|
//! | refreshes | 58/s | 58,000/s |
//! | sign-ins | 0.8/s | 830/s |
//! | commits | 61/s | 61,000/s; a sixth of it where they come at once |
//! | nodes | 0.03 cores: one, and a second to be safe | 19 cores: 6 nodes of 4 cores, and a third more to lose one |
//! | PostgreSQL | 0.01 cores | 8 cores |
//! | database | 56 GB | 56 TB |
//!
//! SQLite carries the first column as well: it commits some thousand rotations a second. The first wall is size, and it is made of
//! spent refresh tokens: ten a day for 180 days are 1,800 rows and 536 kB for each person, kept because one that comes back must
//! end its grant. A grant that lives 30 days takes a sixth of that, access tokens of an hour instead of 15 minutes a quarter. The
//! second is what one primary writes: 12,000 rotations a second were measured on these two cores, in 1,800 commits, with a disk that
//! syncs in 0.1 ms; 58,000 ask for a machine of its own, and their write-ahead log for a network that takes it to the standby. (No
//! node remembers the tokens of so many people, so most refreshes read theirs: the last column reckons 0.03 ms more for that.)
//! Beyond that a grant and all that belongs to it can lie elsewhere than the next one: keys of codes and refresh tokens
//! include the grant, so that the tables can be partitioned by it (`config/examples/partition.sql`), and on engines that distribute
//! tables the grant is the distribution column. What is presented tells a digest and no grant, so it is looked up in every
//! partition, which costs several times the processor time: the script has the figures.
//!
//! What does not grow with people: the audit trail is stored by each node twice a second at most, and those inserts wait for each
//! other; about 350 a second were measured, so 170 nodes. `NOTIFY` is sent for changes of clients, APIs and keys alone.
//! Expired rows go in batches by index, each a commit of its own.
//!
//! # Sign-in
//!
//! Every attempt costs one argon2id hash, whether or not the user exists. Hashing runs on threads of its own, half as many as
//! there are cores, which give way to those that serve, and rest between hashes while others want their core
//! (`crypto::hashing_threads`): then each hashes for a tenth of the time. They have a bounded queue; beyond it the page
//! says to try again (503), so a flood of sign-ins takes neither memory nor the token endpoint's time. The cookie session gets a new id at each sign-in. Form tokens are bound
//! to the browser and the request they belong to, and after sign-in to the sign-in as well; cross-site posts are refused by
//! `Sec-Fetch-Site` and `Origin` before that.
//!
//! # The log
//!
//! One line for each request is most of what there is to write, so lines are gathered for 10 ms and written together by a thread
//! of its own ([`crate::telemetry::output`]). A warning or an error is written at once, with all before it, and so is the rest
//! when the server stops; where the reader is slow, requests wait, and no line is dropped. A process that is killed loses its
//! last 10 ms.
//!
//! # Signing out
//!
//! A client may send a browser to `/logout`. What ends a sign-in without a question is an ID token of the very person who is signed
//! in, in a navigation that they see; everything else is asked, so no link, picture or form of another site signs anybody out
//! ([`crate::logout::request::decide`]). Where the browser goes afterwards is compared with what the client registered, as text.
//!
//! Clients with a `backchannel_logout_uri` are told whenever a sign-in ends by somebody's act: by its owner, an operator, a new
//! password, another person's sign-in in the same browser. That a sign-in ran out is none. Two triggers see to it, in the commit
//! that lets a client in and in the one that ends the sign-in, so no path of today or tomorrow can forget them; the queue is a
//! table. A job tells the clients one by one ([`crate::jobs::backchannel_logout`]): a notice is claimed for longer than a try can
//! take, and so the claim is also the plan for the next try; a node that dies in between costs a delay and nothing else. Each try
//! signs a token of its own, since one lives for two minutes. Clients that register a channel later are told of sign-ins that they
//! are let into from then on.
//!
//! Pages of clients can watch over a sign-in in a frame of ours (OpenID Connect Session Management). What the frame reads is a
//! cookie that other sites' frames are sent too, so it is no credential: an HMAC of the sign-in and of the moment when credentials
//! were last checked in it, from which nobody comes back to either. It follows what any request finds out about the sign-in
//! ([`crate::http::browser_state`]), so that no page can forget it; nothing is stored. Where a browser hides the cookie from the frame,
//! the frame says `error` and not `changed`, which a client would take for a sign-out, or ask about for ever.
//!
//! # Throttling
//!
//! Guessing is limited by counters in the database that all nodes share ([`crate::limits`]). An attempt takes one of every limit
//! it is under, or none, before anything is checked, and gives it back when it was right: between a check and a count there
//! would be room for as many parallel guesses as anybody cares to send. One number for each key is enough
//! ([`crate::store::Reservation`]), so there is no window whose edge could be aimed at. A throttled attempt is refused by a read,
//! without a hash and without a write. Keys are HMACs, so the table does not tell who was tried, nor from where; rows end by
//! themselves when their count has grown back.
//!
//! Accounts can be guessed at by anybody, so a limit on an account alone would let anybody lock its owner out. A browser that
//! has signed in before is therefore counted apart ([`crate::limits::known_browser`]). A right password resets the account's
//! count, never the address's; a right user code resets nothing, for anybody can have one. Limits on sheer numbers of requests
//! guard no secret and must cost nothing: those are in memory, on each node ([`crate::quota`]).
//!
//! # Languages
//!
//! What a page says is a key until it is rendered ([`crate::pages::text::Message`]), so decisions and views know no language, and a
//! language is one file. Names are put between the parts of a sentence by the template ([`crate::pages::text::Language::around`]), so
//! they are escaped and isolated like everything else, wherever a language puts them. An app's `ui_locales` weigh more than a choice
//! that somebody made at the foot of a page some day, and less than one made during the request itself: whoever sees a page they
//! cannot read must be able to change it ([`crate::pages::wishes`]).
//!
//! # Errors
//!
//! The wire carries a registered code and a fixed description; the precise [`crate::protocol::error::Reason`] goes to the log.
//! Until client and redirect URI are proven, an error is a page; afterwards it goes to the client, and only a
//! [`crate::authorize::Callback`] can send it there.
//!
//! # When things break
//!
//! In doubt the answer is no, it says when to try again, and nothing needs repair by hand. Whatever breaks: a code buys at most
//! one set of tokens, a family has at most one live refresh token, what was answered 2xx is stored, what was spent, revoked or
//! ended stays so, and every signature verifies with a published key.
//!
//! | what breaks | what is promised | tests |
//! |---|---|---|
//! | the server is killed | what it acknowledged counts; the rest happened once or not at all; a lost refresh is retried in its window | `rc_04_ft_17_ft_21` |
//! | a command is killed (keys, secrets, passwords, migrations) | the old state or the new one, never neither | `ft_22` to `ft_25` |
//! | PostgreSQL is killed or cut off | 503 within 5 s, signed documents and keys as long as they are in memory; heals by itself | `ft_01`, `ft_32` |
//! | its answer is lost after the commit | 503; a refresh is retried, a code is refused as a replay and the user signs in again | `ft_02` |
//! | packets to it are dropped silently | 503 within 5 s, and dead connections leave the pool | `ft_08` |
//! | it is slow, or all connections are busy | a bounded wait, then 503; no double effects | `ft_06`, `ft_09` |
//! | a row is locked; writes conflict | 503 after `statement_timeout`; a conflict is tried again three times | `ft_06`, `rc_38` |
//! | it is read-only, full, or its password has changed | 503 for what must be written; nobody is signed in without a stored session | `ft_10` to `ft_13` |
//! | the SQLite file is locked, full, missing or damaged | 503, or no start; never a new empty file | `ft_13`, `ft_15`, `ft_19` |
//! | a node disappears in the middle of a flow | any other goes on: nothing is kept in a node that is not in the database | `ft_29`, `ft_30` |
//! | a proxy asks a second node | one effect | `ft_31` |
//! | two servers over one SQLite file | works: each sees the other's commits with its next request | `ft_20` |
//! | clocks differ by 30 s, jump, or fall back | what one node gives works on the others; nothing that was used comes back; the log tells | `rc_30`, `ft_34` to `ft_36` |
//! | a key, a client or a user row is damaged | no start with a damaged key; a damaged client or user fails alone | `ft_37`, `ft_38` |
//! | passwords are checked by the hundred | who cannot be served gets 503; memory is bounded, tokens are issued as before | `ft_40`, `ft_42` |
//! | no file descriptor is left | it waits without computing, and accepts again | `ft_41` |
//! | it is told to stop | what is under way is finished | `ft_43` |
//! | days go by | no table and no file grows under the same load | `no_table_grows_with_the_days` |
//!
//! Three limits make the first column bearable: `database.acquire_timeout` for a connection, `database.statement_timeout` for
//! PostgreSQL's own work, and half a second more than that for all the waiting of one request, which also covers a database
//! that says nothing at all. A retry of a refresh on another node needs clocks that differ by less than
//! `tokens.refresh_retry_window`; beyond that it counts as a replay.
//!
//! Not promised: a failover to a standby that lost the last commits, and a backup that is put back, may bring used tokens back
//! to life until `portcullis after-restore` was run (see Older databases); the log says so meanwhile.
//!
//! # The audit trail
//!
//! A request leaves its events in a waiting room ([`crate::telemetry::audit`]) and goes on; a job stores what has gathered in
//! half a second as one statement. So the trail costs a request no round trip, and a flood of equal events is one row with a
//! count. What an operator does at the command line is stored before it is reported as done. Events are numbered in the order
//! of their commits, so that a reader who goes on from the last number misses nothing, however many nodes write: PostgreSQL
//! gives out numbers before the commit, hence a lock for the length of that one statement.
//!
//! # Metrics and traces
//!
//! Each [`crate::app::App`] has a recorder of its own ([`crate::telemetry::metrics`]) in place of a global one, so that many
//! servers in one process do not mix; without a listener for metrics its handles do nothing. Every label is of a closed set:
//! what a caller sends never becomes one. Spans hold the names of statements, never their text or values, and a caller's
//! `traceparent` is believed from trusted proxies alone.
//!
//! # Signing keys
//!
//! A key is published, signs after `keys.publication_lead`, and stays published until everything that it signed has expired.
//! Successors are numbered, and the number is unique: of two nodes that rotate at once one makes the key, and the other finds
//! it. A revoked key is no longer opened by anybody, so what it signed is refused wherever a token of ours is read. Two master
//! keys may be known at once, so that nodes can be given a new one while they run.
//!
//! # Subjects
//!
//! A pairwise `sub` is a digest over sector, person and a salt that is the person's own ([`crate::tokens::subject`]): nothing is
//! looked up, it outlives every key, and without the database it can neither be computed nor be told to be theirs. It is made
//! when a token is made; whoever is told of the token later, a resource server or the client at userinfo, is told the `sub` that
//! is in it. What ties a token to its person is its grant.
//!
//! # Encryption
//!
//! The crates that do JWE bring OpenSSL with them, so it is put together from what aws-lc-rs and ring have
//! ([`crate::crypto::jwe`]), and held to the vectors of its RFCs and to npm jose. Nothing is ever decrypted here: there is no
//! private key, and no padding to be asked about. The client's key is found before anything is signed or spent, so that a code
//! outlives a key that is missing.
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
