//! Fuzzing: pipelines that nobody would write and answers that no vendor should give. Nothing may panic, hang, or be taken for
//! something it is not.
//!
//! `cargo test --test fuzz` runs the corpus (`corpus/<target>/`, with every input that once did harm) and a small fixed number of
//! inputs drawn from it. `FERRY_FUZZ_SECS=600 cargo test --test fuzz hubspot -- --nocapture` draws for ten minutes and
//! prints how many; `FERRY_FUZZ_SEED=N` begins with that seed. An input that does harm is written into the corpus, to be
//! committed with its fix. Targets: `pipeline`, `hubspot`, `airtable`.
//!
//! This is no coverage-guided fuzzer: polars alone takes longer to build with its instrumentation than all of it takes to run. The
//! inputs are drawn with the grammar in mind instead (`mutation`), from a corpus that reaches every decoder.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of it is a test, helpers included")]

mod airtable;
mod hubspot;
mod mutation;
mod pipeline;
mod vendor;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use crate::mutation::{Grammar, mutate};

/// Inputs that are drawn where no time is given.
const SAMPLE: u64 = 300;
/// What no input may take longer than, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is fed with inputs.
trait Target {
    const NAME: &'static str;
    const GRAMMAR: Grammar;
    /// Folders whose files are inputs too.
    const FOLDERS: &'static [&'static str] = &[];

    /// Takes an input. Panics, or returns what is wrong, when the input does harm.
    fn feed(&mut self, input: &[u8]) -> Result<(), String>;
}

fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the person who runs the tests sets it")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a time box and a hang are in real time")]
    Instant::now()
}

fn corpus_folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}

fn corpus<T: Target>() -> Vec<Vec<u8>> {
    let own = [corpus_folder(T::NAME)];
    let folders =
        own.into_iter().chain(T::FOLDERS.iter().map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)));
    let mut files: Vec<PathBuf> = folders
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no corpus", T::NAME);
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Feeds the corpus, and then what is drawn from it: for the time that is asked for, or a sample.
fn run<T: Target>(mut target: T) {
    let corpus = corpus::<T>();
    for input in &corpus {
        check(&mut target, input);
    }
    let seed = number("FERRY_FUZZ_SEED").unwrap_or(1);
    let time = number("FERRY_FUZZ_SECS").map(Duration::from_secs);
    let mut random = SmallRng::seed_from_u64(seed);
    let (begun, mut count) = (now(), 0);
    while time.map_or(count < SAMPLE, |time| begun.elapsed() < time) {
        let first = corpus.choose(&mut random).unwrap();
        let second = corpus.choose(&mut random).unwrap();
        let input = mutate(first, second, T::GRAMMAR, &mut random);
        check(&mut target, &input);
        count += 1;
    }
    println!("{}: {count} inputs from seed {seed} in {:.0?}, none did harm", T::NAME, begun.elapsed());
}

fn check<T: Target>(target: &mut T, input: &[u8]) {
    let begun = now();
    let fed = catch_unwind(AssertUnwindSafe(|| target.feed(input)));
    let harm = match fed {
        Err(_) => "it panics".to_owned(),
        Ok(Err(harm)) => harm,
        Ok(Ok(())) if begun.elapsed() > PATIENCE => format!("it takes {:.0?}", begun.elapsed()),
        Ok(Ok(())) => return,
    };
    let name = format!("harm-{:016x}", xxhash_rust::xxh3::xxh3_64(input));
    let path = corpus_folder(T::NAME).join(name);
    fs::write(&path, input).unwrap();
    panic!("{}: {harm}; the input is kept as {}:\n{}", T::NAME, path.display(), String::from_utf8_lossy(input));
}

#[test]
fn pipeline_files_of_any_content_are_read_or_explained() {
    run(pipeline::Loader::new());
}

#[test]
fn hubspot_answers_of_any_content_are_decoded_or_refused() {
    run(hubspot::HubSpot::new());
}

#[test]
fn airtable_answers_of_any_content_are_decoded_or_refused() {
    run(airtable::Airtable::new());
}
