//! The tests that go through the server: through its router, without a socket, on SQLite and on PostgreSQL.
//!
//! `PORTCULLIS_TEST_POSTGRES=postgres://…` names a PostgreSQL server that databases may be created on; `tests/run.sh`
//! starts a private one. `PORTCULLIS_SKIP_POSTGRES=1` leaves that half of every test out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a panic is the report, and helpers outside of test functions are part of tests here"
)]
#![expect(
    clippy::too_many_lines,
    reason = "a table of cases is one function, however many there are"
)]

mod architecture;
mod audiences;
mod audit;
mod audit_command;
mod client_keys;
mod conformance;
mod examples;
mod front;
mod languages;
mod logos;
mod metadata;
mod metrics;
mod oauth2_client;
mod openidconnect_client;
mod operations;
mod outbound;
mod partitions;
mod query_budget;
mod races;
mod races_device;
mod races_people;
mod registration;
mod rows;
mod smoke;
mod standing;
mod store;
mod support;
mod sweeping;
mod tls;
mod token_command;
mod traces;
