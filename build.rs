//! Embedded migrations, templates and texts are part of the binary: building again when they change is all there is to do.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=templates/messages");
}
