//! Embeds the built page. `tools/web` builds it into `web/dist`; without it the indexer serves a text that says so, and everything
//! else works.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("web");
    let dist = root.join("dist");
    // A path that does not exist would make every build a new one.
    let watched = if dist.is_dir() { &dist } else { &root };
    println!("cargo::rerun-if-changed={}", watched.display());

    let mut files = Vec::new();
    collect(&dist, &mut files);
    files.sort();
    let mut table = String::from("&[\n");
    for file in files.iter().filter(|file| !is_variant(file)) {
        let path =
            file.strip_prefix(&dist).expect("listed below it").to_str().expect("names are ours").replace('\\', "/");
        let (gzip, brotli) = (variant(file, "gz"), variant(file, "br"));
        let plain = format!("include_bytes!({file:?})");
        writeln!(table, "File {{ path: {path:?}, plain: {plain}, gzip: {gzip}, brotli: {brotli} }},")
            .expect("a string takes all");
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("page.rs");
    fs::write(out, table).expect("the build folder is writable");
}

/// Every file below `folder`; none when it does not exist.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Whether it is another file, compressed; or the mark of what was built.
fn is_variant(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "gz" || kind == "br" || kind == "stamp")
}

fn variant(file: &Path, kind: &str) -> String {
    let path = PathBuf::from(format!("{}.{kind}", file.display()));
    if path.is_file() { format!("Some(include_bytes!({path:?}))") } else { "None".to_owned() }
}
