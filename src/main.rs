//! The program: reads its settings and serves until it is told to stop.

use std::process::ExitCode;

use realtime_chat::{
    app,
    config::{Command, Config},
};

fn main() -> ExitCode {
    let config = Config::read();
    // What a stranger sends is no failure of ours: actix-http would log each malformed request as an error.
    let default = env_logger::Env::default().default_filter_or("info,actix_server=warn,actix_http=off");
    // At debug the driver prints the values of statements: what people wrote.
    env_logger::Builder::from_env(default).filter_module("tokio_postgres", log::LevelFilter::Info).init();
    let done = match config.command {
        None => actix::System::new().block_on(app::serve(config.serve)),
        Some(Command::Migrate) => app::migrate(&config.serve),
        Some(Command::NewEpoch) => app::new_epoch(&config.serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
