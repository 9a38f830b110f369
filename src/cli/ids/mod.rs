//! `ferry ids`: the id map of a pipeline, for other programs and for people with a spreadsheet.
//!
//! It is read and written page by page, so it may be of any length. Source ids may be personal (mail addresses): a file of them is for its
//! owner alone.

mod form;

use std::{collections::BTreeSet, io::Write, path::Path};

use crate::config::Pipeline;
use crate::model::name_hint;
use crate::private_file::PrivateFile;
use crate::state::{IdPosition, ListedTarget, State};

use super::{
    args::{ExportFormat, IdsArgs},
    exit::{Exit, Failure},
    load::load_with_placeholder,
    local, output,
    workspace::Workspace,
};

use form::{Form, IdLine};

#[cfg(test)]
pub(super) use form::IdReport;

/// How many ids are read at once.
const PAGE_IDS: u32 = 1_000;

/// Where the lines go.
enum Outlet<'path> {
    Stdout,
    File(PrivateFile, &'path Path),
}

/// What was written.
#[derive(Default)]
struct Tally {
    ids: u64,
    /// Those whose source id is not known.
    unnamed: u64,
}

pub(super) async fn ids(workspace: &Workspace, args: &IdsArgs) -> Result<Exit, Failure> {
    // Nothing is asked of a system, so secrets need not be at hand.
    let pipeline = load_with_placeholder(workspace, &args.file, Some(local::PLACEHOLDER))?;
    let state = workspace.existing_state(&args.file).await?;
    let targets = state.listed_targets(&pipeline.name).await?;
    check_streams(&pipeline, &targets, &args.streams)?;
    let is_wanted = |target: &&ListedTarget| {
        args.streams.is_empty() || args.streams.iter().any(|name| *name == *target.target.stream)
    };
    let wanted: Vec<&ListedTarget> = targets.iter().filter(is_wanted).collect();
    let is_json = workspace.output.is_json || args.format == ExportFormat::Json;
    let form = if is_json { Form::json() } else { Form::csv(args.raw) };
    let outlet = match &args.output {
        None => Outlet::Stdout,
        Some(path) => Outlet::File(PrivateFile::create(path).map_err(|error| unwritable(path, &error))?, path),
    };
    let tally = write(&state, &pipeline, &wanted, form, outlet).await?;
    if let Some(path) = &args.output {
        workspace.output.say(&format!("{} written to `{}`", output::counted(tally.ids, "id"), path.display()));
    }
    if tally.unnamed > 0 {
        let unnamed = output::counted(tally.unnamed, "record");
        workspace.output.say(&format!(
            "the source ids of {unnamed} are not known, because an older version of ferry wrote them: `ferry run {} --full-refresh` \
             reads the records again and fills them in",
            args.file.display()
        ));
    }
    Ok(Exit::Done)
}

/// Refuses names of streams that neither the pipeline nor its id map has: a stream may have left the pipeline since.
fn check_streams(pipeline: &Pipeline, targets: &[ListedTarget], names: &[String]) -> Result<(), Failure> {
    let of_pipeline = pipeline.streams.iter().map(|stream| stream.name.as_str());
    let known: BTreeSet<&str> = of_pipeline.chain(targets.iter().map(|target| target.target.stream.as_str())).collect();
    match names.iter().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = known.into_iter().collect();
            let message = format!("the pipeline has no stream `{name}`");
            Err(Failure::new(Exit::Usage, "stream.unknown", message).with_hint_if(name_hint(
                name,
                &known,
                "its streams are",
            )))
        }
    }
}

async fn write(
    state: &State,
    pipeline: &Pipeline,
    targets: &[&ListedTarget],
    mut form: Form,
    mut outlet: Outlet<'_>,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    outlet.put(&form.head(&pipeline.name)?, &form)?;
    for target in targets {
        let mut after: Option<IdPosition> = None;
        loop {
            let (page, position) = state.listed_ids(target.target_id, after, PAGE_IDS).await?;
            let mut text = String::new();
            for id in page {
                let line = IdLine::new(&target.target, id);
                tally.ids += 1;
                tally.unnamed += u64::from(line.source_id.is_none());
                text.push_str(&form.line(&line)?);
            }
            outlet.put(&text, &form)?;
            if position.is_none() {
                break;
            }
            after = position;
        }
    }
    outlet.put(&form.tail(), &form)?;
    outlet.finish()?;
    Ok(tally)
}

impl Outlet<'_> {
    fn put(&mut self, text: &str, form: &Form) -> Result<(), Failure> {
        match self {
            Self::Stdout if form.is_json() => output::json_text(text),
            Self::Stdout => output::exact(text),
            Self::File(file, path) => file.write_all(text.as_bytes()).map_err(|error| unwritable(path, &error)),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(file, path) => file.put_in_place().map_err(|error| unwritable(path, &error)),
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Environment, "ids.file", format!("`{}` cannot be written: {error}", path.display()))
        .with_hint("name a file in a folder that is there and that you may write to")
}
