//! Puts the built page (`web/dist`, made by `make web`) into a table of the library. Without it the table is empty, so
//! that everything else can be built and tested without npm.
#![allow(clippy::disallowed_methods, reason = "the ban is for the crate, not for what builds it")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web/dist");
    // The directory is watched, and cargo rebuilds every time as long as what it watches does not exist.
    fs::create_dir_all(&dist)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());

    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    if !files.contains(&dist.join("index.html")) {
        println!("cargo::warning=the page is not built and will be missing from the server: run `make web` first");
        files.clear();
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("page.rs");
    fs::write(out, table(&dist, &files)?)?;
    Ok(())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn table(dist: &Path, files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut code =
        String::from("/// The page of this build, empty if none was built.\npub static PAGE: &[WebFile] = &[\n");
    for file in files {
        let name = file.strip_prefix(dist)?.to_str().ok_or("a file of the page has no UTF-8 name")?;
        if is_variant(file, files) {
            continue;
        }
        let compressed = |extension: &str| {
            let path = PathBuf::from(format!("{}.{extension}", file.display()));
            let code = format!("Some(include_bytes!({:?}))", path.display().to_string());
            if files.contains(&path) { code } else { "None".to_owned() }
        };
        writeln!(
            code,
            "    WebFile {{ path: {name:?}, content_type: {:?}, bytes: include_bytes!({:?}), gzip: {}, brotli: {}, etag: {:?} }},",
            content_type(name),
            file.display().to_string(),
            compressed("gz"),
            compressed("br"),
            digest(&fs::read(file)?),
        )?;
    }
    code.push_str("];\n");
    Ok(code)
}

/// `app.js.gz` beside `app.js`.
fn is_variant(file: &Path, files: &[PathBuf]) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("gz" | "br")) && files.contains(&file.with_extension(""))
}

/// FNV-1a: names a version of a file, protects nothing.
fn digest(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}{:x}", bytes.len())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "opus" | "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
