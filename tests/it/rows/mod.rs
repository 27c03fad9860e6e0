//! Known attacks and bad inputs. The name of a test starts with the row of the catalogue that it answers: `co_02_…`.

mod client_auth;
mod code_decisions;
mod codes;
mod dump;
mod forged_jwts;
mod jwts;
mod models;
mod refresh_decisions;
mod refresh_tokens;
mod refusals;
mod resources;
