//! Devices without a browser (RFC 8628): `start` is the device authorization endpoint, `answer` what a person does about it in
//! a browser of their own. The third part, polling, is a grant of the token endpoint.

pub mod answer;
pub mod start;
