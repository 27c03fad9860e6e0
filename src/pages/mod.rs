//! For people: one file for each page. They extract, call, respond; what a page shows is in [`view`].

pub mod authorize;
mod cx;
pub mod device;
pub mod device_confirm;
pub mod device_login;
mod device_visit;
pub mod error;
pub mod flow;
pub mod home;
pub mod interaction_account;
pub mod interaction_consent;
pub mod interaction_login;
pub mod login;
pub mod logo;
pub mod logout;
pub mod static_files;
pub mod view;

pub use cx::PageCx;
