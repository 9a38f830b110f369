//! Runs and the attempts at them.

use super::*;

fn error(code: &str) -> AttemptError {
    AttemptError { code: code.to_owned(), message: format!("{code} happened"), hint: None, request_id: None }
}

#[tokio::test]
async fn each_attempt_has_its_own_errors_and_a_killed_one_has_no_end() {
    let state = in_memory();
    assert_eq!(state.start_attempt(run("run_1"), at(1)).await.unwrap(), 1);
    assert_eq!(state.start_attempt(run("run_1"), at(2)).await.unwrap(), 2);
    let errors = vec![error("http.refused")];
    let end = AttemptEnd { status: RunStatus::Failed, now: at(3), errors };
    state.finish_attempt("run_1", 2, end).await.unwrap();
    state.note_exit_code("run_1", 2, 1).await.unwrap();
    assert_eq!(state.run("run_1").await.unwrap().unwrap().status, RunStatus::Failed);
    assert_eq!(state.start_attempt(run("run_1"), at(4)).await.unwrap(), 3);
    let end = AttemptEnd { status: RunStatus::Done, now: at(5), errors: Vec::new() };
    state.finish_attempt("run_1", 3, end).await.unwrap();
    state.note_exit_code("run_1", 3, 0).await.unwrap();
    let attempts = state.attempts_of("run_1").await.unwrap();
    let told: Vec<_> =
        attempts.iter().map(|one| (one.number, one.finished_at, one.exit_code, one.errors.len())).collect();
    assert_eq!(told, [(1, None, None, 0), (2, Some(at(3)), Some(1), 1), (3, Some(at(5)), Some(0), 0)]);
    assert_eq!(attempts[1].errors, [error("http.refused")]);
    let last = state.run("last").await.unwrap().unwrap();
    assert_eq!((last.status, last.started_at), (RunStatus::Done, at(0)));
}

#[tokio::test]
async fn the_newest_run_comes_first_whatever_the_clock_says() {
    let state = in_memory();
    state.start_attempt(Run { started_at: at(9), ..run("run_1") }, at(9)).await.unwrap();
    state.start_attempt(run("run_2"), at(0)).await.unwrap();
    state.start_attempt(Run { kind: RunKind::Redrive, ..run("run_3") }, at(0)).await.unwrap();
    let names = |runs: Vec<Run>| runs.into_iter().map(|run| run.run_id).collect::<Vec<_>>();
    assert_eq!(names(state.runs().await.unwrap()), ["run_3", "run_2", "run_1"]);
    assert_eq!(state.run("last").await.unwrap().unwrap().run_id, "run_3");
    assert!(state.run("run_9").await.unwrap().is_none());
}
