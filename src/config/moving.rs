//! What `import` takes.

use std::path::PathBuf;

use super::{
    DatabaseFlags,
    values::{format, room_from, site},
};
use chat_moving::{Format, RoomFrom, Url};

/// What an import takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ImportFlags {
    /// What the file is of.
    #[arg(value_name = "jsonl|disqus|remark42|wordpress|artalk", value_parser = format)]
    pub format: Format,
    /// The file, packed with gzip or not; - is the standard input.
    pub file: PathBuf,
    /// Put messages between those that are there: all of the room get new places by their time. Without it only rooms in
    /// which nobody has written get any.
    #[arg(long)]
    pub merge: bool,
    /// Only say what would come, and store nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// A new file for what was left out, and what is otherwise than it was.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// What of a post names its room: as `data-room-from` says in the blog (permalink, canonical, pathname), else slug or
    /// identifier.
    #[arg(long, value_name = "WHAT", default_value = "permalink", value_parser = room_from)]
    pub room_from: RoomFrom,
    /// The blog's address, for files that have addresses without it.
    #[arg(long, value_name = "URL", value_parser = site)]
    pub site: Option<Url>,
    /// Which database.
    #[command(flatten)]
    pub flags: DatabaseFlags,
}
