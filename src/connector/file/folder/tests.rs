//! Names of objects and the files that they mean.

use super::*;

fn folder_with(names: &[&str]) -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let folder = Folder::new(dir.path(), Path::new(""), &["csv"]);
    (dir, folder)
}

#[test]
fn an_object_is_named_with_or_without_the_ending() {
    let (_dir, folder) = folder_with(&["accounts.csv"]);
    for name in ["accounts", "accounts.csv"] {
        assert!(folder.existing(&name.into()).unwrap().ends_with("accounts.csv"));
        assert!(folder.target(&name.into()).unwrap().ends_with("accounts.csv"));
    }
    assert!(folder.target(&"v1.2".into()).unwrap().ends_with("v1.2.csv"));
}

#[test]
fn a_missing_file_is_answered_with_the_nearest_name_or_the_list() {
    let (_dir, folder) = folder_with(&["accounts.csv", "deals.csv", "notes.txt"]);
    let near = folder.existing(&"acounts".into()).unwrap_err();
    assert_eq!(near.kind, ErrorKind::NotFound);
    assert_eq!(near.hint.as_deref(), Some("did you mean `accounts`? the folder holds `accounts`, `deals`"));
    let far = folder.existing(&"tickets".into()).unwrap_err();
    assert_eq!(far.hint.as_deref(), Some("the folder holds `accounts`, `deals`"));
}

#[test]
fn an_ending_in_capitals_is_an_ending() {
    let (_dir, folder) = folder_with(&["LEADS.CSV"]);
    assert!(folder.existing(&"LEADS".into()).unwrap().ends_with("LEADS.CSV"));
    assert!(folder.target(&"OUT.CSV".into()).unwrap().ends_with("OUT.CSV"));
    let missing = folder.existing(&"lead".into()).unwrap_err();
    assert_eq!(missing.hint.as_deref(), Some("did you mean `LEADS`? the folder holds `LEADS`"));
}

#[test]
fn accents_in_a_name_may_be_written_either_way() {
    let (_dir, folder) = folder_with(&["Ku\u{308}nden.csv"]);
    for name in ["K\u{fc}nden", "Ku\u{308}nden", "K\u{fc}nden.csv"] {
        assert!(folder.existing(&name.into()).is_ok(), "{name}");
    }
    assert!(folder.existing(&"k\u{fc}nden".into()).is_err());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_told_from_a_missing_file() {
    let (dir, folder) = folder_with(&[]);
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("people.csv")).status().unwrap();
    assert!(made.success());
    assert_eq!(folder.existing(&"people".into()).unwrap_err().code, "not_a_file");
}

#[test]
fn a_file_that_changed_is_told() {
    let (dir, _) = folder_with(&["people.csv"]);
    let path = dir.path().join("people.csv");
    let stamp = Stamp::of(&path).unwrap();
    stamp.check(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(stamp.check(&path).unwrap_err().code, "file_changed");
}

#[test]
fn a_name_cannot_lead_out_of_the_folder() {
    let (_dir, folder) = folder_with(&[]);
    for name in ["../secret", "/etc/passwd", "", "a/../../b"] {
        assert_eq!(folder.target(&name.into()).unwrap_err().code, "bad_file_name", "{name}");
    }
}

#[test]
fn a_file_given_as_the_folder_is_told_apart() {
    let (dir, _) = folder_with(&["accounts.csv"]);
    let folder = Folder::new(dir.path(), Path::new("accounts.csv"), &["csv"]);
    assert_eq!(folder.check_readable().unwrap_err().code, "not_a_folder");
    assert_eq!(folder.check_writable().unwrap_err().code, "not_a_folder");
    assert_eq!(folder.existing(&"x".into()).unwrap_err().code, "not_a_folder");
}
