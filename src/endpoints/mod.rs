//! For machines: one file for each endpoint. They extract, call, respond.

pub mod device_code;
pub mod discovery;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod metrics;
pub mod register;
pub mod revoke;
pub mod token;
pub mod userinfo;
