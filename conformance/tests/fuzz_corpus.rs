//! Every seed and every regression through its fuzz target, without any fuzzer: what was found stays found, on stable.
//! And whether each target has what `ci/fuzz-package` packs: a binary, options, and the dictionary that they name.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use netassay::fuzz_target::{LINUX_DIFFERENTIAL, TARGETS, Target};

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let replays = TARGETS.iter().map(|target| {
        let folder = corpus.join(target.name);
        Trial::test(target.name, move || replay(target, &folder))
    });
    let packed = TARGETS.iter().chain([&LINUX_DIFFERENTIAL]);
    let packed = packed.map(|target| Trial::test(format!("{}/packed", target.name), || is_packed(target)));
    libtest_mimic::run(&Arguments::from_args(), replays.chain(packed).collect()).exit();
}

/// Whether `target` is built, and its options are such as libFuzzer and ClusterFuzz both read.
fn is_packed(target: &Target) -> Result<(), Failed> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let read = |path: PathBuf| {
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    if !read(fuzz.join("Cargo.toml"))?.contains(&format!("\nname = \"{}\"\n", target.name)) {
        return Err(format!("fuzz/Cargo.toml builds no {}", target.name).into());
    }
    let options = read(fuzz.join("options").join(format!("{}.options", target.name)))?;
    let Some(options) = options.strip_prefix("[libfuzzer]\n") else {
        return Err("options begin with the section of libFuzzer".into());
    };
    for option in options.lines() {
        match option.split_once(" = ") {
            Some(("dict", name)) => drop(read(fuzz.join("dictionaries").join(name))?),
            Some((_, value)) if value.parse::<u32>().is_ok() => {}
            _ => return Err(format!("`{option}` is no option that the scripts pass on").into()),
        }
    }
    Ok(())
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
