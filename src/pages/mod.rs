//! For people: one file for each page. They extract, call, respond; what a page shows is in [`view`].

mod about;
pub mod account;
pub mod account_apps;
pub mod account_contact;
pub mod account_password;
pub mod account_profile;
pub mod account_sessions;
pub mod authorize;
pub mod check_session;
mod cx;
pub mod device;
pub mod device_confirm;
pub mod device_login;
mod device_name;
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
mod paging;
mod permissions;
mod profile_lines;
pub mod return_to;
pub mod static_files;
pub mod text;
pub mod view;
mod when;
pub mod wishes;

pub use cx::PageCx;
