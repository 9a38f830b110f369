//! Runs and the attempts at them.

use super::*;

fn error(code: &str) -> AttemptError {
    AttemptError {
        code: code.to_owned(),
        message: format!("{code} happened"),
        hint: None,
        request_id: None,
        wait: None,
    }
}

#[tokio::test]
async fn each_attempt_has_its_own_errors_and_a_killed_one_has_no_end() {
    let state = in_memory();
    assert_eq!(state.start_attempt(run("run_1"), at(1)).await.unwrap(), 1);
    assert_eq!(state.start_attempt(run("run_1"), at(2)).await.unwrap(), 2);
    let errors = vec![error("http.refused")];
    let end = AttemptEnd { status: RunStatus::Failed, now: at(3), errors };
    state.finish_attempt("run_1", 2, end).await.unwrap();
    state.note_exit("run_1", 2, AttemptExit::of(1)).await.unwrap();
    assert_eq!(state.run("run_1").await.unwrap().unwrap().status, RunStatus::Failed);
    assert_eq!(state.start_attempt(run("run_1"), at(4)).await.unwrap(), 3);
    let end = AttemptEnd { status: RunStatus::Done, now: at(5), errors: Vec::new() };
    state.finish_attempt("run_1", 3, end).await.unwrap();
    state.note_exit("run_1", 3, AttemptExit::of(0)).await.unwrap();
    let attempts = state.attempts_of("run_1").await.unwrap();
    let told: Vec<_> =
        attempts.iter().map(|one| (one.number, one.finished_at, one.exit_code, one.errors.len())).collect();
    assert_eq!(told, [(1, None, None, 0), (2, Some(at(3)), Some(1), 1), (3, Some(at(5)), Some(0), 0)]);
    assert_eq!(attempts[1].errors, [error("http.refused")]);
    let last = state.run("last").await.unwrap().unwrap();
    assert_eq!((last.status, last.started_at), (RunStatus::Done, at(0)));
}

#[tokio::test]
async fn runs_that_are_gone_on_with_are_looked_for_whatever_the_clock_says_and_the_last_is_that_of_the_last_attempt() {
    let state = in_memory();
    state.start_attempt(Run { started_at: at(9), ..run("run_1") }, at(9)).await.unwrap();
    state.start_attempt(run("run_2"), at(0)).await.unwrap();
    state.start_attempt(Run { kind: RunKind::Redrive, ..run("run_3") }, at(0)).await.unwrap();
    let names = |runs: Vec<Run>| runs.into_iter().map(|run| run.run_id).collect::<Vec<_>>();
    assert_eq!(names(state.runs().await.unwrap()), ["run_3", "run_2", "run_1"]);
    assert_eq!(state.run("last").await.unwrap().unwrap().run_id, "run_3");
    state.start_attempt(run("run_2"), at(1)).await.unwrap();
    assert_eq!(state.run("last").await.unwrap().unwrap().run_id, "run_2");
    assert!(state.run("run_9").await.unwrap().is_none());
}

fn start(pipeline: &str) -> Start {
    Start { pipeline: pipeline.to_owned(), file: PathBuf::from("p.yaml"), kind: RunKind::Run, started_at: at(5) }
}

fn failure(code: &str) -> StartFailure {
    StartFailure { error: error(code), exit_code: 3, now: at(6) }
}

#[tokio::test]
async fn what_never_began_is_in_the_list_and_nowhere_else() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(1)).await.unwrap();
    state.note_start(start("p")).await.unwrap();
    let kept = state.fail_start("p", failure("account")).await.unwrap().unwrap();
    let refused = state.refuse_start(start("q"), failure("state.locked")).await.unwrap();
    let (tallies, all) = state.run_tallies(RunFilter::default()).await.unwrap();
    let told: Vec<_> = tallies.iter().map(|one| (one.run.run_id.as_str(), one.is_begun, one.last.exit_code)).collect();
    assert_eq!(all, 3);
    assert!(told.contains(&(kept.as_str(), false, Some(3))) && told.contains(&(refused.as_str(), false, Some(3))));
    assert_eq!(state.run("last").await.unwrap().unwrap().run_id, "run_1");
    assert_eq!(state.runs().await.unwrap().len(), 1, "nothing goes on with the others");
    let FoundRun::One(found) = state.find_run(&kept[5..]).await.unwrap() else { panic!("a part is enough") };
    assert_eq!((found.run_id, found.status), (kept, RunStatus::Failed));
    assert!(matches!(state.find_run("run_").await.unwrap(), FoundRun::Several(runs) if runs.len() == 3));
    assert!(matches!(state.find_run("run_9").await.unwrap(), FoundRun::Several(runs) if runs.is_empty()));
}

#[tokio::test]
async fn a_process_that_is_gone_was_killed_and_one_with_its_lease_works() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).await.unwrap();
    let lease = state.take_lease(LeaseName::Run { pipeline: "p".to_owned() }, "p", at(0)).await.unwrap();
    state.start_attempt(run("run_1"), at(1)).await.unwrap();
    state.note_start(start("q")).await.unwrap();
    assert_eq!(state.note_killed().await.unwrap(), 1, "nobody has the lease of `q`");
    assert_eq!(state.run("run_1").await.unwrap().unwrap().status, RunStatus::Running);
    drop(lease);
    assert_eq!(state.note_killed().await.unwrap(), 1);
    let killed = state.run("run_1").await.unwrap().unwrap();
    assert_eq!((killed.status, killed.finished_at), (RunStatus::Killed, None));
    let attempts = state.attempts_of("run_1").await.unwrap();
    assert_eq!((attempts[0].errors[0].code.as_str(), attempts[0].last_sign_at), ("killed", Some(at(1))));
    assert_eq!(state.note_killed().await.unwrap(), 0, "it is found out once");
    let history = state.history(None).await.unwrap();
    let ends: Vec<_> = history.nights.iter().map(|night| (night.exit_code, night.is_running)).collect();
    assert_eq!(ends, [(None, false), (None, false)]);
    assert_eq!(history.standings.keys().collect::<Vec<_>>(), ["p", "q"]);
}
