//! Makes a new migration rebuild the program that embeds it.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
