//! The program: reads its settings and serves until a signal ends it.

use std::process::ExitCode;

use chat_load::LoadOptions;
use realtime_chat::{
    app,
    config::{self, Command, Config},
    logging,
};

fn main() -> ExitCode {
    let config = Config::read();
    let log = match logging::start(config.serve.site.log_format, config::likes_colours()) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("error: standard error cannot be used: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match config.command {
        None => actix::System::new().block_on(app::serve(config.serve)),
        Some(Command::Migrate(_)) => app::migrate(&config.serve),
        Some(Command::Owner(_)) => app::owner(&config.serve),
        Some(Command::RotateKeys(_)) => app::rotate_keys(&config.serve),
        Some(Command::NewEpoch { room, .. }) => app::new_epoch(&config.serve, room.as_deref()),
        Some(Command::RenameRoom { old, new, .. }) => app::rename_room(&config.serve, &old, &new),
        Some(Command::Purge { author, room, before, yes, .. }) => {
            app::purge(&config.serve, (author.as_deref(), room.as_deref(), before), yes)
        }
        Some(Command::Backup { file, .. }) => app::back_up(&config.serve, &file),
        Some(Command::Restore { file, .. }) => app::restore(&config.serve, &file),
        Some(Command::Export { rooms, output, .. }) => app::export(&config.serve, &rooms, output.as_deref()),
        Some(Command::Import(flags)) => app::import(&config.serve, *flags),
        Some(Command::Healthcheck { ready, .. }) => app::healthcheck(&config.serve, ready),
        Some(Command::Load(options)) => return load(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.say(&error);
            ExitCode::FAILURE
        }
    }
}

/// 0: all conditions held; 1: one did not; 2: there was no run.
fn load(options: &LoadOptions) -> ExitCode {
    match chat_load::run(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
