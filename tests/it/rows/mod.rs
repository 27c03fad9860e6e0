//! Attacks, faults and bad inputs: each test is named after what it withstands, its row's id first.

mod bad_input;
mod faults;
mod leaks;
mod outages;
mod sessions;
mod sign_in;
mod sign_out;
mod sockets;
