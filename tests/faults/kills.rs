//! SIGKILL where a run does something that the rounds seldom do: in a mirror's deletes, in a redrive.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value as Json;

use crate::findings::StateFacts;
use crate::occasions::{finished, replace};
use crate::pairs::Pair;
use crate::world::{Attack, Ended, Point, Trap, Weather, World, binary, is_complete};

const POINTS: [Point; 3] = [Point::BeforeEffect, Point::BeforeAnswer, Point::AfterAnswer];

pub(crate) fn killed(at: u64, point: Point) -> Attack {
    Attack { trap: Some(Trap { at, point }), ..Attack::default() }
}

/// A world in which the source has lost twelve people since the last run, of a pipeline that mirrors them.
async fn mirror() -> World {
    let world = World::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    let mirror = "write: mirror\n        key: [email]";
    replace(
        &world,
        "pipeline.yaml",
        &[
            ("write: upsert\n        key: [email]", mirror),
            ("limits: { batch_size: 10 }", "limits: { batch_size: 5, max_deletes: 50 }"),
        ],
    );
    finished(&world).await;
    let path = world.folder().join("csv/people.csv");
    let text = fs::read_to_string(&path).unwrap();
    let is_kept = |line: &&str| !(60..72).any(|person| line.starts_with(&format!("P{person},")));
    let kept: Vec<&str> = text.lines().filter(is_kept).collect();
    fs::write(path, kept.join("\n") + "\n").unwrap();
    world
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
            let world = mirror().await;
            world.run(killed(at, point)).await;
            // A resumed run with rejects behind its checkpoint deletes nothing: the run after it does.
            finished(&world).await;
            finished(&world).await;
            let content = world.content().await;
            assert!(content == expected, "{point:?} {at}: {:#?}", content.surplus_of(&expected));
            assert_eq!(StateFacts::read(&world), state, "{point:?} {at}");
        }
    }
}

pub(crate) fn redrive(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["redrive"]).args(arguments).args(["--state", ".ferry/state.db", "--json", "--clock-speed", "60"]);
    world.furnish(&mut command);
    command
}

/// A world with a run that rejected twelve orders, and a file in which a person mended them.
async fn rejected() -> (World, String, PathBuf) {
    let world = World::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    replace(&world, "pipeline.yaml", &[("limits: { batch_size: 10 }", "limits: { batch_size: 3 }")]);
    let path = world.folder().join("csv/orders.csv");
    let mut text = fs::read_to_string(&path).unwrap();
    for order in 0..12 {
        text = text.replace(&format!(",{}.50,", 100 + order), ",much,");
    }
    fs::write(path, text).unwrap();
    let ended = finished(&world).await;
    let run = ended.report.unwrap()["run_id"].as_str().unwrap().to_owned();
    let mut command = Command::new(binary());
    command.args(["rejects", &run, "--state", ".ferry/state.db", "--json"]);
    world.furnish(&mut command);
    let mut file: Json = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let letters = file["rejects"].as_array_mut().unwrap();
    letters.retain(|letter| letter["stream"] == "orders" && letter["kind"] != "waiting");
    assert_eq!(letters.len(), 12);
    for letter in letters {
        letter["source"]["amount"] = Json::from("5");
    }
    let path = world.folder().join("mended.json");
    fs::write(&path, file.to_string()).unwrap();
    (world, run, path)
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
    let ended = other.attend(redrive(&other, &[&run, "--from", "mended.json"]), Attack::default()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(created(&ended), 12);
    let (expected, writes) = (other.content().await, other.trap_count() - writes);
    for point in POINTS {
        for at in 1..=writes {
            let (world, run, _) = rejected().await;
            world.attend(redrive(&world, &[&run, "--from", "mended.json"]), killed(at, point)).await;
            let ended = world.attend(redrive(&world, &[&run, "--from", "mended.json"]), Attack::default()).await;
            assert!(is_complete(&ended), "{point:?} {at}: {}", ended.stderr);
            let content = world.content().await;
            assert!(content == expected, "{point:?} {at}: {:#?}", content.surplus_of(&expected));
        }
    }
}
