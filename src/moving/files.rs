//! Files that are read and written, packed or not.

use std::{
    cell::Cell,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    rc::Rc,
};

use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};

use super::MovingError;

/// What a gzip file begins with (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How much of a file was read.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadBytes(Rc<Cell<u64>>);

impl ReadBytes {
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

struct Counted<R>(R, ReadBytes);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(into)?;
        self.1.0.set(self.1.0.get().saturating_add(u64::try_from(n).unwrap_or(0)));
        Ok(n)
    }
}

/// A file that is read, unpacked where it is packed.
pub(super) struct Input {
    pub reader: Box<dyn BufRead>,
    pub read: ReadBytes,
    /// Its size, where it has one.
    pub n_bytes: Option<u64>,
}

/// Opens a file; `-` is what comes from the standard input.
pub(super) fn open(path: &Path) -> Result<Input, MovingError> {
    let failed = |e| MovingError::File(path.to_owned(), e);
    let read = ReadBytes::default();
    let (raw, n_bytes): (Box<dyn Read>, _) = match path.as_os_str() == "-" {
        true => (Box::new(io::stdin()), None),
        false => {
            let file = File::open(path).map_err(failed)?;
            let meta = file.metadata().map_err(failed)?;
            if meta.is_dir() {
                return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
            }
            (Box::new(file), meta.is_file().then_some(meta.len()))
        }
    };
    let mut raw = BufReader::with_capacity(128 * 1024, Counted(raw, read.clone()));
    let is_packed = raw.fill_buf().map_err(failed)?.starts_with(&GZIP);
    let reader: Box<dyn BufRead> = match is_packed {
        true => Box::new(BufReader::with_capacity(128 * 1024, MultiGzDecoder::new(raw))),
        false => Box::new(without_mark(raw).map_err(failed)?),
    };
    Ok(Input { reader, read, n_bytes })
}

/// Some programs write a mark in front of UTF-8.
fn without_mark<R: BufRead>(mut reader: R) -> io::Result<R> {
    if reader.fill_buf()?.starts_with(&[0xef, 0xbb, 0xbf]) {
        reader.consume(3);
    }
    Ok(reader)
}

/// A file that is written: it has its name once it is whole, and only its owner may read it.
pub(super) struct Output {
    writer: Writer,
    /// What it is called until then, and then.
    paths: Option<(PathBuf, PathBuf)>,
    is_whole: bool,
}

enum Writer {
    Plain(BufWriter<Box<dyn Write>>),
    Packed(GzEncoder<BufWriter<Box<dyn Write>>>),
}

/// Makes a file, packed where its name ends so; without a name it is the standard output.
pub(super) fn create(path: Option<&Path>) -> Result<Output, MovingError> {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        let writer = Writer::Plain(BufWriter::with_capacity(128 * 1024, Box::new(io::stdout())));
        return Ok(Output { writer, paths: None, is_whole: false });
    };
    if path.exists() {
        return Err(MovingError::Exists(path.to_owned()));
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let file = file.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => MovingError::Exists(part.clone()),
        _ => MovingError::File(part.clone(), e),
    })?;
    let file: Box<dyn Write> = Box::new(file);
    let plain = BufWriter::with_capacity(128 * 1024, file);
    let writer = match path.extension().is_some_and(|end| end == "gz") {
        true => Writer::Packed(GzEncoder::new(plain, Compression::default())),
        false => Writer::Plain(plain),
    };
    Ok(Output { writer, paths: Some((part, path.to_owned())), is_whole: false })
}

impl Output {
    pub fn write(&mut self, text: &str) -> Result<(), MovingError> {
        let written = match &mut self.writer {
            Writer::Plain(writer) => writer.write_all(text.as_bytes()),
            Writer::Packed(writer) => writer.write_all(text.as_bytes()),
        };
        written.map_err(|e| self.failed(e))
    }

    /// It is whole: it gets its name.
    pub fn finish(mut self) -> Result<(), MovingError> {
        let finished = match &mut self.writer {
            Writer::Plain(writer) => writer.flush(),
            Writer::Packed(writer) => writer.try_finish().and_then(|()| writer.get_mut().flush()),
        };
        finished.map_err(|e| self.failed(e))?;
        if let Some((part, path)) = &self.paths {
            let named = File::open(part).and_then(|file| file.sync_all()).and_then(|()| fs::rename(part, path));
            named.map_err(|e| self.failed(e))?;
        }
        self.is_whole = true;
        Ok(())
    }

    fn failed(&self, error: io::Error) -> MovingError {
        let path = self.paths.as_ref().map_or_else(|| PathBuf::from("standard output"), |(part, _)| part.clone());
        MovingError::File(path, error)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let (Some((part, _)), false) = (&self.paths, self.is_whole) {
            // What is left of it is of no use; where it cannot be removed nobody can help.
            let _ = fs::remove_file(part);
        }
    }
}
