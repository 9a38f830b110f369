//! Runs the real binary against the local systems, disturbs it from a seed, and compares what is left with what an
//! undisturbed run leaves: the destination's content, the ledger, the state file.
//!
//! Start at `pairs` (what is tested) and `disturbance` (how). `FERRY_FAULT_ROUNDS=500 cargo test --test faults rounds --
//! --nocapture` runs 500 rounds per pair and prints the table of `docs/reliability.md`; without it a sample runs.
//! `FERRY_FAULT_SEED=N` begins with that seed; `FERRY_FAULT_PAIR=TEXT` takes the pairs whose name holds the text; `FERRY_FAULT_KIND=TEXT` the disturbances whose
//! name does, and `proxy` those of the proxy; `FERRY_FAULT_BINARY=PATH` runs another binary than the one just built.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of it is a test, helpers included")]

mod content;
mod data;
mod disturbance;
mod findings;
mod gone;
mod inputs;
mod jobs;
mod kills;
mod machine;
mod occasions;
mod pairs;
mod proxy;
mod rules;
mod systems;
mod testbed;
mod traffic;

use std::{collections::BTreeMap, ops::AddAssign};

use futures::{StreamExt, stream};
use rand::{SeedableRng, rngs::SmallRng};

use crate::disturbance::{Kind, Measure};
use crate::findings::{Expected, Findings, StateFacts, folded};
use crate::pairs::{PAIRS, Pair};
use crate::testbed::{Attack, Ended, Manner, Testbed, Weather, is_complete, variable};

/// Most runs after which a disturbed pipeline must have come to its end.
const MAX_RUNS: usize = 10;
/// Most testbeds of which one is taken that could be made ready as it should be.
const MAX_TESTBEDS: usize = 6;
/// Pairs that are disturbed side by side: a round waits more than it works.
const PAIRS_AT_ONCE: usize = 2;
/// What the sample does to the apply of a plan, and to an undo.
const SMALL_SAMPLE: &[Kind] = &[Kind::KillBeforeAnswer, Kind::KillAfterAnswer, Kind::DropAfter];

fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().unwrap())
}

pub(crate) async fn undisturbed(pair: &Pair, manner: Manner) -> (Expected, Measure) {
    let testbed = Testbed::new(pair, &Weather::default()).await.in_manner(manner);
    let before = testbed.trap_count();
    let ended = testbed.run(Attack::default()).await;
    assert!(is_complete(&ended), "{}: {:?} {}", pair.name(), ended.code, ended.stderr);
    let report = ended.report.as_ref().unwrap();
    let requests = testbed.trap_count() - before;
    let state_blocks = std::fs::metadata(testbed.state_path()).unwrap().len() / 512;
    let expected =
        Expected { content: testbed.content().await, account: folded(report), state: StateFacts::read(&testbed) };
    let state_writes = machine::counted_writes(testbed.folder());
    (expected, Measure { duration: ended.took, requests, state_blocks, state_writes })
}

async fn round(
    (pair, manner): (&Pair, Manner),
    kind: Kind,
    seed: u64,
    expected: &Expected,
    measure: Measure,
) -> Findings {
    let mut random = SmallRng::seed_from_u64(seed);
    let disturbance = kind.draw(&mut random, measure);
    let testbed = ready(pair, manner, &disturbance.weather).await;
    let mut verdict = Findings::default();
    let mut attacks = disturbance.attacks.iter().copied();
    let mut last = None;
    for _ in 0..MAX_RUNS {
        let attack = attacks.next();
        let ended = testbed.run(attack.unwrap_or_default()).await;
        verdict.check_ledgers(&ended);
        let is_last = attack.is_none() || manner.is_once();
        let is_done = is_complete(&ended) && is_last && !is_put_off(ended.report.as_ref());
        // It was killed behind its end.
        let is_used_up = manner.is_once() && is_used_up(&ended);
        last = Some(ended);
        if is_done || is_used_up {
            break;
        }
    }
    let last = last.unwrap();
    if is_used_up(&last) {
        verdict.check_what_is_left(&testbed, expected).await;
    } else if is_complete(&last) {
        verdict.check_end(&testbed, expected, &last).await;
        verdict.check_letters(&testbed, &last);
    } else {
        verdict.problems.push(format!("not complete after {MAX_RUNS} runs: {:?} {}", last.code, last.stderr));
    }
    if !verdict.problems.is_empty() {
        verdict.problems.insert(0, format!("{}, {kind:?}, seed {seed}: {disturbance:?}", pair.name()));
    }
    verdict
}

/// Makes a testbed ready. In some weathers the run that is taken back is stopped and goes on, so that links which it has set count as
/// having been there, or a record of it is refused for a reason that passes. Then another testbed is taken.
async fn ready(pair: &Pair, manner: Manner, weather: &Weather) -> Testbed {
    for _ in 1..MAX_TESTBEDS {
        let testbed = Testbed::new(pair, weather).await.in_manner(manner);
        let undone = testbed.undone_report();
        let is_resumed = undone.is_some_and(|report| report["is_resumed"] == true);
        if !is_resumed && !is_put_off(undone) {
            return testbed;
        }
    }
    Testbed::new(pair, weather).await.in_manner(manner)
}

/// Tells whether what can be done once is done already.
fn is_used_up(ended: &Ended) -> bool {
    ended.code == Some(2) && ["[plan.used]", " is taken back already "].iter().any(|word| ended.stderr.contains(word))
}

/// Tells whether records were refused for a reason that passes: the next run takes them up.
fn is_put_off(report: Option<&serde_json::Value>) -> bool {
    let reasons = report.and_then(|report| report["reasons"].as_array());
    reasons.into_iter().flatten().any(|reason| reason["code"] == "UNABLE_TO_LOCK_ROW")
}

#[derive(Default)]
struct Line {
    rounds: usize,
    runs: usize,
    doubled: usize,
    lost: usize,
    ledgers: usize,
    letters: usize,
    failed: usize,
}

impl AddAssign<&Self> for Line {
    fn add_assign(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.runs += other.runs;
        self.doubled += other.doubled;
        self.lost += other.lost;
        self.ledgers += other.ledgers;
        self.letters += other.letters;
        self.failed += other.failed;
    }
}

/// Prints a table of `docs/reliability.md`: a line for each name, in the order of their first.
fn print_table<'line>(title: &str, lines: impl Iterator<Item = (String, &'line Line)>, has_sum: bool) {
    let mut sums: Vec<(String, Line)> = Vec::new();
    let mut all = Line::default();
    for (name, line) in lines {
        all += line;
        if let Some((_, sum)) = sums.iter_mut().find(|(known, _)| *known == name) {
            *sum += line;
            continue;
        }
        let mut sum = Line::default();
        sum += line;
        sums.push((name, sum));
    }
    if has_sum {
        sums.push(("**all**".to_owned(), all));
    }
    println!(
        "| {title} | rounds | runs | doubled | lost | ledgers that differ | letters that differ | rounds that differ |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (name, Line { rounds, runs, doubled, lost, ledgers, letters, failed }) in sums {
        println!("| {name} | {rounds} | {runs} | {doubled} | {lost} | {ledgers} | {letters} | {failed} |");
    }
    println!();
}

/// Runs the rounds of a pair, one after the other: as many as wanted, or each disturbance once.
async fn rounds_of(pair: &Pair, manner: Manner, first: u64, rounds: Option<u64>) -> Vec<(Pair, Kind, Findings)> {
    let (expected, measure) = undisturbed(pair, manner).await;
    let mut kinds = match (rounds, manner) {
        (Some(_), _) => pair.kinds(),
        (None, Manner::Run) => pair.sample(),
        (None, Manner::Apply | Manner::Undo) => SMALL_SAMPLE.to_vec(),
    };
    kinds.retain(|kind| kind.is_named(&variable("FERRY_FAULT_KIND").unwrap_or_default()));
    let mut verdicts = Vec::new();
    if kinds.is_empty() {
        return verdicts;
    }
    for seed in first..first + rounds.unwrap_or(kinds.len() as u64) {
        let kind = kinds[usize::try_from(seed).unwrap() % kinds.len()];
        let verdict = round((pair, manner), kind, seed, &expected, measure).await;
        if !verdict.problems.is_empty() {
            println!("{}\n", verdict.problems.join("\n  "));
        }
        verdicts.push((*pair, kind, verdict));
    }
    verdicts
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_disturbances_leave_what_an_undisturbed_run_leaves() {
    disturb(Manner::Run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_disturbances_leave_what_an_undisturbed_apply_leaves() {
    disturb(Manner::Apply).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_disturbances_leave_what_an_undisturbed_undo_leaves() {
    disturb(Manner::Undo).await;
}

async fn disturb(manner: Manner) {
    let rounds = number("FERRY_FAULT_ROUNDS");
    let first = number("FERRY_FAULT_SEED").unwrap_or(1);
    let wanted = variable("FERRY_FAULT_PAIR").unwrap_or_default();
    let is_possible = |pair: &&Pair| manner != Manner::Undo || pair.can_be_undone();
    let pairs = PAIRS.iter().filter(|pair| pair.name().contains(&wanted)).filter(is_possible);
    let verdicts: Vec<_> =
        stream::iter(pairs).map(|pair| rounds_of(pair, manner, first, rounds)).buffered(PAIRS_AT_ONCE).concat().await;
    let mut table: BTreeMap<(Pair, Kind), Line> = BTreeMap::new();
    for (pair, kind, verdict) in verdicts {
        let line = table.entry((pair, kind)).or_default();
        line.rounds += 1;
        line.runs += verdict.runs;
        line.doubled += verdict.doubled;
        line.lost += verdict.lost;
        line.ledgers += verdict.ledger_mismatches;
        line.letters += verdict.letter_mismatches;
        line.failed += usize::from(!verdict.problems.is_empty());
    }
    print_table("pair", table.iter().map(|((pair, _), line)| (pair.name(), line)), true);
    print_table("disturbance", table.iter().map(|((_, kind), line)| (kind.words().to_owned(), line)), false);
    let failed: usize = table.values().map(|line| line.failed).sum();
    assert_eq!(failed, 0, "rounds left something else");
}
