//! The program: reads its settings and serves until it is told to stop.

use std::process::ExitCode;

use realtime_chat::{
    app,
    config::{self, Command, Config},
    logging,
};

fn main() -> ExitCode {
    let config = Config::read();
    let log = match logging::start(config::likes_colours()) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("error: standard error cannot be used: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match config.command {
        None => actix::System::new().block_on(app::serve(config.serve)),
        Some(Command::Migrate) => app::migrate(&config.serve),
        Some(Command::NewEpoch) => app::new_epoch(&config.serve),
        Some(Command::Healthcheck { ready }) => app::healthcheck(&config.serve, ready),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
