//! Dead letters: each record that is not written has its own.

use DeadLetterKind::{Held, Rejected};

use super::*;

struct Desk {
    state: State,
    target: TargetId,
}

impl Desk {
    async fn new() -> Self {
        let state = in_memory();
        let target = opened(&state, "contacts").await;
        for run_id in ["run_1", "run_2", "run_3"] {
            state.start_attempt(run(run_id), at(0)).await.unwrap();
        }
        Self { state, target }
    }

    async fn reject(&self, run_id: &str, records: &[(&str, u64)]) {
        let letters = records.iter().map(|(source_id, number)| letter(run_id, source_id, *number, Rejected)).collect();
        self.commit(run_id, None, Changes { letters, ..Changes::default() }).await;
    }

    async fn hold(&self, run_id: &str, source_id: &str, number: u64) {
        let letters = vec![letter(run_id, source_id, number, Held)];
        self.commit(run_id, None, Changes { letters, ..Changes::default() }).await;
    }

    async fn write(&self, run_id: &str, redriven: Option<&str>, records: &[(&str, u64)]) {
        let written = records.iter().zip(1..).map(|((source_id, number), key)| WrittenRecord {
            record: read(source_id, *number),
            ..written(source_id, &format!("of {source_id}"), key)
        });
        let changes = Changes { written: written.collect(), ..Changes::default() };
        self.commit(run_id, redriven, changes).await;
    }

    async fn commit(&self, run_id: &str, redriven: Option<&str>, changes: Changes) {
        let place = ChangePlace { redriven_run: redriven.map(str::to_owned), ..place(self.target, run_id) };
        self.state.commit(place, changes).await.unwrap();
    }

    /// The open letters of a run: source id and number.
    async fn open(&self, run_id: &str) -> Vec<(String, u64)> {
        let letters = self.state.letters(run_id).await.unwrap().open;
        letters.into_iter().map(|letter| (letter.source_id, letter.number)).collect()
    }
}

fn named(letters: &[(&str, u64)]) -> Vec<(String, u64)> {
    letters.iter().map(|(source_id, number)| ((*source_id).to_owned(), *number)).collect()
}

#[tokio::test]
async fn two_rejects_with_one_id_are_two_letters_and_a_good_record_with_it_clears_neither() {
    let desk = Desk::new().await;
    desk.reject("run_1", &[("7", 1), ("7", 2)]).await;
    desk.reject("run_1", &[("7", 5)]).await;
    desk.write("run_1", None, &[("7", 6)]).await;
    desk.commit("run_1", None, Changes { unchanged: vec![read("7", 8)], ..Changes::default() }).await;
    assert_eq!(desk.open("run_1").await, named(&[("7", 1), ("7", 2), ("7", 5)]));
    let letters = desk.state.letters("run_1").await.unwrap().open;
    assert_eq!(letters.iter().map(|letter| letter.line).collect::<Vec<_>>(), [Some(2), Some(3), Some(6)]);
}

#[tokio::test]
async fn a_record_that_is_read_once_more_replaces_its_letter_or_answers_it() {
    let desk = Desk::new().await;
    desk.reject("run_1", &[("7", 1), ("8", 2)]).await;
    desk.reject("run_1", &[("7", 1)]).await;
    assert_eq!(desk.open("run_1").await, named(&[("7", 1), ("8", 2)]));
    desk.write("run_1", None, &[("8", 2)]).await;
    assert_eq!(desk.open("run_1").await, named(&[("7", 1)]));
    assert_eq!(desk.state.letters("run_1").await.unwrap().answered.len(), 1);
}

#[tokio::test]
async fn a_later_run_answers_all_letters_of_a_source_id() {
    for is_good in [true, false] {
        let desk = Desk::new().await;
        desk.reject("run_1", &[("7", 1), ("7", 2), ("8", 3)]).await;
        if is_good {
            desk.write("run_2", None, &[("7", 9)]).await;
        } else {
            desk.reject("run_2", &[("7", 9)]).await;
        }
        assert_eq!(desk.open("run_1").await, named(&[("8", 3)]));
        let open = if is_good { named(&[]) } else { named(&[("7", 9)]) };
        assert_eq!(desk.open("run_2").await, open);
        assert_eq!(desk.state.count_open_letters("p").await.unwrap(), if is_good { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_redrive_answers_the_letter_that_it_loads_and_no_other_with_the_same_id() {
    let desk = Desk::new().await;
    desk.reject("run_1", &[("7", 1), ("7", 2), ("7", 3)]).await;
    desk.write("run_2", Some("run_1"), &[("7", 1)]).await;
    assert_eq!(desk.open("run_1").await, named(&[("7", 2), ("7", 3)]), "killed here, nothing is lost");
    let letters = vec![letter("run_2", "7", 2, Rejected)];
    desk.commit("run_2", Some("run_1"), Changes { letters, ..Changes::default() }).await;
    assert_eq!(desk.open("run_1").await, named(&[("7", 3)]));
    assert_eq!(desk.open("run_2").await, named(&[("7", 2)]));
    desk.write("run_2", Some("run_1"), &[("7", 3)]).await;
    assert_eq!(desk.open("run_1").await, named(&[]));
    assert_eq!(desk.open("run_2").await, named(&[("7", 2)]), "the good one does not clear it");
}

#[tokio::test]
async fn what_is_read_again_in_another_order_leaves_no_letter_that_is_not_counted() {
    let desk = Desk::new().await;
    desk.hold("run_1", "9", 3).await;
    desk.reject("run_1", &[("7", 1), ("8", 2)]).await;
    let early = DeadLetter { chunk: 0, ..letter("run_1", "5", 4, Rejected) };
    desk.commit("run_1", None, Changes { letters: vec![early], ..Changes::default() }).await;
    desk.state.rewind(desk.target, "run_1", 0).await.unwrap();
    assert_eq!(desk.open("run_1").await, named(&[("9", 0), ("5", 4)]), "what is held is not forgotten");
    assert_eq!(open(&desk.state, target("contacts")).await.held, ["9"]);
    desk.reject("run_1", &[("8", 1), ("7", 2)]).await;
    desk.hold("run_1", "9", 8).await;
    assert_eq!(desk.open("run_1").await, named(&[("8", 1), ("7", 2), ("5", 4), ("9", 8)]));
}

#[tokio::test]
async fn letters_are_compared_with_the_ledger_target_by_target() {
    let desk = Desk::new().await;
    desk.reject("run_1", &[("7", 1), ("7", 2)]).await;
    desk.hold("run_1", "9", 3).await;
    for (rejected, agrees) in [(2, true), (3, false), (1, false)] {
        let counts = Ledger { rejected, held: 1, ..Ledger::default() };
        let ledger = ledger(target("contacts"), counts);
        desk.state.save_progress(desk.target, "run_1", ledger, None).await.unwrap();
        let counted = desk.state.count_letters("run_1").await.unwrap();
        assert_eq!(counted.len(), 1);
        assert_eq!((counted[0].rejected, counted[0].held, counted[0].ledger_rejected), (2, 1, rejected));
        assert_eq!(counted[0].agrees(), agrees);
    }
    // A target without letters is compared too.
    let other = opened(&desk.state, "firms").await;
    let counts = Ledger { rejected: 1, ..Ledger::default() };
    desk.state.save_progress(other, "run_1", ledger(target("firms"), counts), None).await.unwrap();
    let counted = desk.state.count_letters("run_1").await.unwrap();
    assert_eq!(counted.iter().filter(|count| !count.agrees()).count(), 2);
}

#[tokio::test]
async fn letters_without_a_number_are_told_apart_by_record_and_field() {
    let desk = Desk::new().await;
    desk.write("run_1", None, &[("1", 1), ("2", 2)]).await;
    let entries = known(&desk.state, desk.target, &["1", "2"]).await.by_source;
    let refused = |source_id: &str| DeadLetter {
        source_key: Some(entries[source_id].source_key),
        ..letter("run_1", "", 0, Rejected)
    };
    let changes = Changes { letters: vec![refused("1"), refused("2"), refused("1")], ..Changes::default() };
    desk.commit("run_1", None, changes).await;
    assert_eq!(desk.open("run_1").await, named(&[("", 0), ("", 0)]));
    let changes = Changes { forgotten: vec![entries["1"].source_key], ..Changes::default() };
    desk.commit("run_2", None, changes).await;
    assert_eq!(desk.open("run_1").await, named(&[("", 0)]), "it could be deleted");
}
