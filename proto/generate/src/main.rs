//! Writes what the proto makes into the folder that it is given: the messages, and the proto described for who asks the
//! server what it speaks.

use std::{error::Error, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    let files = protox::compile(["realtime_chat/v1/chat.proto"], ["proto"])?;
    fs::write(folder.join("chat.descriptor"), files.encode_to_vec())?;
    prost_build::Config::new().out_dir(&folder).compile_fds(files)?;
    fs::rename(folder.join("realtime_chat.v1.rs"), folder.join("messages.rs"))?;
    Ok(())
}
