//! Every seed and every regression through its fuzz target, without any fuzzer: what was found stays found, on stable.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use netassay::fuzz_target::{TARGETS, Target};

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let trials = TARGETS.iter().map(|target| {
        let folder = corpus.join(target.name);
        Trial::test(target.name, move || replay(target, &folder))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

/// Runs `target` on each file in `folder`; each has one, and it holds something.
fn replay(target: &Target, folder: &Path) -> Result<(), Failed> {
    let files = files(folder)?;
    if files.is_empty() {
        return Err(format!("{} holds no seed", folder.display()).into());
    }
    for file in files {
        let octets = std::fs::read(&file)?;
        (target.run)(&octets).map_err(|finding| format!("{}: {finding}", file.display()))?;
    }
    Ok(())
}

/// The files in `folder`, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}
