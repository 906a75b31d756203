//! The directory of a sweep.
//!
//! | file | what it has |
//! |---|---|
//! | `plan.toml` | what is run; `wad sim sweep DIR/plan.toml --out DIR` goes on |
//! | `journal` | a line for each run that is done, added as it is |
//! | `results.csv`, `results.jsonl`, `results.parquet`, pictures | of the runs that are done, when the command ends |
//!
//! One process at a time writes it: it holds a lock on the journal.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use rustix::fs::{FlockOperation, flock};
use wad_study::sweep::{self, Plan, Row, journal};

use crate::failure::Failure;

const JOURNAL: &str = "journal";
const PLAN: &str = "plan.toml";

/// A sweep's directory, open for results.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    journal: File,
    rows: Vec<Option<Row>>,
    /// How many lines were torn or damaged.
    pub(super) damaged: usize,
}

impl Store {
    /// Goes on with the directory, if it has a sweep.
    pub(super) fn reopen(directory: &Path, plan: &Plan) -> Result<Option<Self>, Failure> {
        let begun = fs::metadata(directory.join(JOURNAL)).is_ok_and(|journal| journal.len() > 0);
        begun.then(|| Self::open(directory, plan)).transpose()
    }

    /// Makes the directory, or goes on with the one that is there.
    pub(super) fn open(directory: &Path, plan: &Plan) -> Result<Self, Failure> {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let path = directory.join(JOURNAL);
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Failure::Misuse(anyhow!("{} is being written by another sweep", directory.display()))
        })?;
        let known = read_journal(&mut file, &path, plan)?;
        file.set_len(known.whole as u64).with_context(|| format!("cannot write {}", path.display()))?;
        let mut store =
            Self { directory: directory.to_owned(), journal: file, rows: known.rows, damaged: known.damaged };
        if known.whole == 0 {
            store.write(PLAN, plan.to_toml().as_bytes())?;
            store.append(&journal::head(plan))?;
        }
        Ok(store)
    }

    /// Whether a run is done.
    pub(super) fn has(&self, run: usize) -> bool {
        self.rows[run].is_some()
    }

    /// How many runs are done.
    pub(super) fn done(&self) -> usize {
        self.rows.iter().flatten().count()
    }

    /// Keeps a row. Once this returns, a kill does not lose it.
    pub(super) fn add(&mut self, row: Row) -> Result<(), Failure> {
        self.append(&journal::line(&row))?;
        let run = row.run;
        self.rows[run] = Some(row);
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<(), Failure> {
        self.journal.write_all(line.as_bytes()).with_context(|| {
            format!(
                "cannot write {}; the {} results in it are kept, and the same command goes on with them",
                self.directory.join(JOURNAL).display(),
                self.done()
            )
        })?;
        Ok(())
    }

    /// Writes results and pictures of what is done; of a sweep that is whole also the journal, in order.
    pub(super) fn finish(mut self, plan: &Plan, measures: &[usize]) -> Result<Finished, Failure> {
        let is_whole = self.rows.iter().all(Option::is_some);
        let rows: Vec<Row> = std::mem::take(&mut self.rows).into_iter().flatten().collect();
        let mut files = vec![self.directory.join(PLAN)];
        files.push(self.write("results.csv", sweep::csv(plan, &rows).as_bytes())?);
        files.push(self.write("results.jsonl", sweep::json_lines(plan, &rows).as_bytes())?);
        files.push(self.write("results.parquet", &sweep::parquet(plan, &rows)?)?);
        for picture in sweep::figures(plan, &rows, measures)? {
            files.push(self.write(&format!("{}.svg", picture.name), picture.svg.as_bytes())?);
            files.push(self.write(&format!("{}.png", picture.name), &picture.png)?);
        }
        if is_whole {
            self.write(JOURNAL, journal::of(plan, &rows).as_bytes())?;
        }
        Ok(Finished { rows, files })
    }

    /// Writes a file beside and then in place, so that it is never there in part.
    fn write(&self, name: &str, contents: &[u8]) -> Result<PathBuf, Failure> {
        let (path, beside) = (self.directory.join(name), self.directory.join(format!(".{name}.part")));
        let written = fs::write(&beside, contents).and_then(|()| fs::rename(&beside, &path));
        if written.is_err() {
            // What is left of it only takes room.
            let _ = fs::remove_file(&beside);
        }
        written
            .with_context(|| format!("cannot write {}; results are kept in the journal", path.display()))?;
        Ok(path)
    }
}

/// What a sweep ends with.
#[derive(Debug)]
pub(super) struct Finished {
    /// All rows in order.
    pub(super) rows: Vec<Row>,
    /// What was written.
    pub(super) files: Vec<PathBuf>,
}

/// The text of a directory's plan.
pub(super) fn read_plan(directory: &Path) -> Result<String, Failure> {
    let path = directory.join(PLAN);
    fs::read_to_string(&path)
        .with_context(|| format!("{} is no directory of a sweep: cannot read {PLAN}", directory.display()))
        .map_err(Failure::Misuse)
}

/// The rows of a directory.
pub(super) fn read_rows(directory: &Path, plan: &Plan) -> Result<Vec<Row>, Failure> {
    let path = directory.join(JOURNAL);
    let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()));
    let mut file = file.map_err(Failure::Misuse)?;
    Ok(read_journal(&mut file, &path, plan)?.rows.into_iter().flatten().collect())
}

fn read_journal(file: &mut File, path: &Path, plan: &Plan) -> Result<journal::Journal, Failure> {
    let mut text = Vec::new();
    file.read_to_end(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    journal::read(&text, plan).map_err(|error| Failure::Misuse(anyhow!("{}: {error}", path.display())))
}
