//! Parses the command line, runs it, and gives its exit code.

/// Memory that a burst has filled is given back; the system's allocator kept it (ADR 0013).
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cadran::cli::run()
}
