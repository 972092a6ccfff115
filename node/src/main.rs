//! The program `rapnode`.

fn main() -> std::process::ExitCode {
    rapprochement_node::cli::main()
}
