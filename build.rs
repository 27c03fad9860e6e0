//! Embedded migrations and templates are part of the binary: building again when they change is all there is to do.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
