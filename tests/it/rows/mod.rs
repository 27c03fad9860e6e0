//! The catalogue of attacks and bad inputs: each test is named after the row that it answers. `tests/security_rows.md` lists
//! all rows, with those that nothing here answers yet.

mod answers;
mod authorize;
mod authorize_answers;
mod authorize_parameters;
mod authorize_prompts;
mod bad_input;
mod client_auth;
mod code_decisions;
mod codes;
mod consent;
mod documents;
mod dump;
mod faults;
mod forged_jwts;
mod introspection;
mod jwts;
mod keys;
mod leaks;
mod listed;
mod models;
mod outages;
mod redirect_uri_registration;
mod redirect_uris;
mod refresh_decisions;
mod refresh_tokens;
mod refusals;
mod resources;
mod scripts;
mod sessions;
mod sign_in;
mod sign_out;
mod sockets;
