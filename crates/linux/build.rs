//! Compiles the BPF programs and generates their Rust skeleton.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use libbpf_cargo::SkeletonBuilder;

/// Sources of the objects, and the files with their skeletons.
const OBJECTS: [(&str, &str); 2] =
    [("src/bpf/wad.bpf.c", "wad.skel.rs"), ("src/bpf/observer.bpf.c", "observer.skel.rs")];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-changed=src/bpf");
    println!("cargo:rerun-if-env-changed=CLANG");
    for (source, skeleton) in OBJECTS {
        let result = SkeletonBuilder::new()
            .source(source)
            .clang(clang())
            .clang_args(include_arguments())
            .build_and_generate(out.join(skeleton));
        if let Err(error) = result {
            panic!("{source} did not compile: {error:?}");
        }
    }
}

/// The compiler: `$CLANG`, else the first of the usual names that runs.
fn clang() -> PathBuf {
    if let Some(clang) = env::var_os("CLANG") {
        return clang.into();
    }
    let names = ["clang", "clang-19", "clang-18", "clang-17", "clang-16"];
    names.iter().map(PathBuf::from).find(|name| runs(name)).unwrap_or_else(|| {
        panic!(
            "no clang to compile the BPF programs with: run scripts/bootstrap.sh, or install Debian's \
             clang-19, or name a compiler in CLANG"
        )
    })
}

fn runs(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// `asm/types.h` lies in the directory of the machine's architecture, which clang does not search
/// when it compiles for BPF.
fn include_arguments() -> Vec<String> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets the target");
    let directory = format!("/usr/include/{arch}-linux-gnu");
    let mut arguments = vec!["-Wall".to_owned(), "-Werror".to_owned()];
    if Path::new(&directory).is_dir() {
        arguments.push(format!("-I{directory}"));
    }
    arguments
}
