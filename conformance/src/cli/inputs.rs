//! The captures that a command line names.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// What a capture in a directory is called. Files called otherwise are captures if they begin like one; a file that is
/// named itself may be called anything.
const EXTENSIONS: [&str; 3] = ["pcap", "pcapng", "cap"];

/// The files that `paths` name: files as they are, directories with all captures below them, sorted by path.
///
/// # Errors
/// If a path does not exist or a directory cannot be read; a directory without captures is an error as well.
pub(super) fn captures(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut captures = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if !kind.is_dir() {
            captures.push(path.clone());
            continue;
        }
        let before = captures.len();
        below(path, &mut captures)?;
        if captures.len() == before {
            let what = format!("{}: no captures below this directory", path.display());
            return Err(Failure::Input(format!("{what} (files named *.{})", EXTENSIONS.join(", *."))));
        }
        captures[before..].sort();
    }
    Ok(captures)
}

fn below(directory: &Path, captures: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let entry = entry.map_err(|error| unreadable(directory, &error))?;
        let path = entry.path();
        // Links to directories are not followed: they may lead in a circle.
        if entry.file_type().map_err(|error| unreadable(&path, &error))?.is_dir() {
            below(&path, captures)?;
        } else if path.extension().and_then(|it| it.to_str()).is_some_and(|it| EXTENSIONS.contains(&it))
            || begins_like_a_capture(&path)
        {
            captures.push(path);
        }
    }
    Ok(())
}

/// Whether the file, whatever it is called, begins as pcap (microseconds, nanoseconds, either octet order) or pcapng do.
fn begins_like_a_capture(path: &Path) -> bool {
    const MAGICS: [[u8; 4]; 5] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && MAGICS.contains(&magic)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("{}: {error}", path.display()))
}
