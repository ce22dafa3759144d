//! What was read, on the disk until it is stored, in a file that has no name: whatever ends the program, it is gone.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::MovingError;
use chat_domain::{MovedMessage, RoomId};
use chat_moving::{Line, MessageLine, ReadError, encode};

/// Where a message is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spot {
    at: u64,
    n_bytes: u32,
}

pub(super) struct Spool {
    writer: BufWriter<File>,
    file: File,
    path: PathBuf,
    end: u64,
}

impl Spool {
    /// In this folder.
    pub fn new(folder: &Path) -> Result<Self, MovingError> {
        let path = folder.join(format!("realtime-chat-{}", Uuid::new_v4().simple()));
        let failed = |e| MovingError::File(path.clone(), e);
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        fs::remove_file(&path).map_err(failed)?;
        let writer = BufWriter::with_capacity(256 * 1024, file.try_clone().map_err(failed)?);
        Ok(Self { writer, file, path, end: 0 })
    }

    pub fn put(&mut self, room: &RoomId, message: &MovedMessage) -> Result<Spot, MovingError> {
        let text = encode(&Line::Message(Box::new(MessageLine::of(room, message))));
        let n_bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.writer.write_all(text.as_bytes()).map_err(|e| MovingError::File(self.path.clone(), e))?;
        let spot = Spot { at: self.end, n_bytes };
        self.end = self.end.saturating_add(n_bytes.into());
        Ok(spot)
    }

    /// All that was put can be got.
    pub fn close(&mut self) -> Result<(), MovingError> {
        self.writer.flush().map_err(|e| MovingError::File(self.path.clone(), e))
    }

    pub fn get(&self, spot: Spot) -> Result<MovedMessage, MovingError> {
        let failed = |e| MovingError::File(self.path.clone(), e);
        let mut bytes = vec![0; usize::try_from(spot.n_bytes).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, spot.at).map_err(failed)?;
        // It was written just now; what it is not any more, somebody else has written.
        let broken = || failed(std::io::Error::from(std::io::ErrorKind::InvalidData));
        match serde_json::from_slice(&bytes) {
            Ok(Line::Message(line)) => line.moved(0).map_err(|_: ReadError| broken()),
            _ => Err(broken()),
        }
    }
}
