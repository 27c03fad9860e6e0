//! What each module of the suite does, under its name. Plans run them.

mod basic;
mod discovery;
mod dynamic;
mod logout;
mod tokens;

pub use basic::*;
pub use discovery::*;
pub use dynamic::*;
pub use logout::*;
pub use tokens::*;
