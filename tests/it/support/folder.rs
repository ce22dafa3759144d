use std::{
    fs,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// A folder that goes with this value.
pub struct Folder(pub PathBuf);

impl Folder {
    /// An empty one among the system's temporary files.
    pub fn new(name: &str) -> Self {
        Self::within(&std::env::temp_dir(), name)
    }

    /// An empty one in this one.
    pub fn within(parent: &Path, name: &str) -> Self {
        let path = parent.join(format!("{name}_{}", Uuid::new_v4().simple()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// The path of a file in it, as text.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
