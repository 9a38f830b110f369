//! SIGKILL where a run does something that the rounds seldom do: in a mirror's deletes, in a redrive.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value as Json;

use crate::findings::StateFacts;
use crate::occasions::{finished, replace};
use crate::pairs::Pair;
use crate::testbed::{Attack, Ended, Point, Testbed, Trap, Weather, binary, is_complete};

const POINTS: [Point; 3] = [Point::BeforeEffect, Point::BeforeAnswer, Point::AfterAnswer];

pub(crate) fn killed(at: u64, point: Point) -> Attack {
    Attack { trap: Some(Trap { at, point }), ..Attack::default() }
}

/// A testbed in which the source has lost twelve people since the last run, of a pipeline that mirrors them.
async fn mirror() -> Testbed {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    let mirror = "write: mirror\n        key: [email]";
    replace(
        &testbed,
        "pipeline.yaml",
        &[
            ("write: upsert\n        key: [email]", mirror),
            ("limits: { batch_size: 10 }", "limits: { batch_size: 5, max_deletes: 50 }"),
        ],
    );
    finished(&testbed).await;
    let path = testbed.folder().join("csv/people.csv");
    let text = fs::read_to_string(&path).unwrap();
    let is_kept = |line: &&str| !(60..72).any(|person| line.starts_with(&format!("P{person},")));
    let kept: Vec<&str> = text.lines().filter(is_kept).collect();
    fs::write(path, kept.join("\n") + "\n").unwrap();
    testbed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_killed_deletes_the_rest_and_nothing_else() {
    let other = mirror().await;
    let writes = other.trap_count();
    finished(&other).await;
    let (expected, state) = (other.content().await, StateFacts::read(&other));
    let deletes = other.trap_count() - writes;
    assert!(deletes >= 3, "twelve records in batches of five");
    for point in POINTS {
        for at in 1..=deletes {
            let testbed = mirror().await;
            testbed.run(killed(at, point)).await;
            // A resumed run with rejects behind its checkpoint deletes nothing: the run after it does.
            finished(&testbed).await;
            finished(&testbed).await;
            let content = testbed.content().await;
            assert!(content == expected, "{point:?} {at}: {:#?}", content.surplus_of(&expected));
            assert_eq!(StateFacts::read(&testbed), state, "{point:?} {at}");
        }
    }
}

pub(crate) fn redrive(testbed: &Testbed, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["redrive"]).args(arguments).args(["--state", ".ferry/state.db", "--json", "--clock-speed", "60"]);
    testbed.furnish(&mut command);
    command
}

/// A testbed with a run that rejected twelve orders, and a file in which a person corrected them.
async fn rejected() -> (Testbed, String, PathBuf) {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    replace(&testbed, "pipeline.yaml", &[("limits: { batch_size: 10 }", "limits: { batch_size: 3 }")]);
    let path = testbed.folder().join("csv/orders.csv");
    let mut text = fs::read_to_string(&path).unwrap();
    for order in 0..12 {
        text = text.replace(&format!(",{}.50,", 100 + order), ",much,");
    }
    fs::write(path, text).unwrap();
    let ended = finished(&testbed).await;
    let run = ended.report.unwrap()["run_id"].as_str().unwrap().to_owned();
    let mut command = Command::new(binary());
    command.args(["rejects", &run, "--state", ".ferry/state.db", "--json"]);
    testbed.furnish(&mut command);
    let mut file: Json = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let letters = file["rejects"].as_array_mut().unwrap();
    letters.retain(|letter| letter["stream"] == "orders" && letter["kind"] != "waiting");
    assert_eq!(letters.len(), 12);
    for letter in letters {
        letter["source"]["amount"] = Json::from("5");
    }
    let path = testbed.folder().join("corrected.json");
    fs::write(&path, file.to_string()).unwrap();
    (testbed, run, path)
}

fn created(ended: &Ended) -> u64 {
    let streams = ended.report.as_ref().unwrap()["streams"].as_array().unwrap().iter();
    let accounts = streams.flat_map(|stream| stream["destinations"].as_array().unwrap());
    accounts.map(|account| account["created"].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_is_killed_is_repeated_and_doubles_nothing() {
    let (other, run, _) = rejected().await;
    let writes = other.trap_count();
    let ended = other.attend(redrive(&other, &[&run, "--from", "corrected.json"]), Attack::default()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(created(&ended), 12);
    let (expected, writes) = (other.content().await, other.trap_count() - writes);
    for point in POINTS {
        for at in 1..=writes {
            let (testbed, run, _) = rejected().await;
            testbed.attend(redrive(&testbed, &[&run, "--from", "corrected.json"]), killed(at, point)).await;
            let ended = testbed.attend(redrive(&testbed, &[&run, "--from", "corrected.json"]), Attack::default()).await;
            assert!(is_complete(&ended), "{point:?} {at}: {}", ended.stderr);
            let content = testbed.content().await;
            assert!(content == expected, "{point:?} {at}: {:#?}", content.surplus_of(&expected));
        }
    }
}
