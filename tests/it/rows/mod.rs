//! Known attacks and bad inputs. The name of a test starts with the row of the catalogue that it answers: `co_02_…`.

mod client_auth;
mod codes;
mod dump;
mod jwts;
mod models;
mod refresh_tokens;
mod refusals;
mod resources;
