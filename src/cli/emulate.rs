//! `ferry emulate`: local CRMs for other programs' tests.

use emulators::{ALL, Emulator, EmulatorOptions, serve};
use serde_json::json;

use crate::clock::Clock;
use crate::model::name_hint;

use super::{
    args::EmulateArgs,
    exit::{Exit, Failure},
    output, signals,
    workspace::{Workspace, exchanges},
};

pub(super) async fn emulate(workspace: &Workspace, args: EmulateArgs) -> Result<Exit, Failure> {
    let picked = pick(&args.vendors)?;
    if args.account.is_some() && picked.len() != 1 {
        let message = "`--account` is the id of one vendor's account";
        return Err(Failure::new(Exit::Usage, "emulate.account", message)
            .with_hint("name one vendor: `ferry emulate hubspot --account 12345678`"));
    }
    let clock = Clock::accelerated(args.clock_speed);
    let mut running = Vec::new();
    let mut lines = Vec::new();
    for (index, (name, emulator)) in picked.into_iter().enumerate() {
        let options = EmulatorOptions {
            fixtures: args.fixtures.as_ref().map(|folder| folder.join(name)).filter(|folder| folder.is_dir()),
            account: args.account.clone(),
            is_unlimited: args.no_limits,
            faults: args.fault.clone().unwrap_or_default(),
            exchanges: exchanges(),
        };
        let offset = u16::try_from(index).unwrap_or(u16::MAX);
        let port = match args.port {
            None => emulator.default_port,
            Some(0) => 0,
            Some(first) => first.saturating_add(offset),
        };
        let failed = |reason: String| {
            let message = format!("the local {name} cannot start: {reason}");
            Failure::new(Exit::Environment, "emulate", message)
        };
        let service = (emulator.make)(options, clock.clone()).map_err(failed)?;
        let server = serve(service, port).await.map_err(|error| {
            failed(format!("port {port}: {error}"))
                .with_hint("pick another port with `--port N`, or any free one with `--port 0`")
        })?;
        lines.push((name, server.url()));
        running.push(server);
    }
    if workspace.output.is_json {
        let urls: serde_json::Map<_, _> = lines.iter().map(|(name, url)| ((*name).to_owned(), json!(url))).collect();
        output::json(&json!({ "emulators": urls }))?;
    } else {
        for (name, url) in &lines {
            output::data(&format!("{name} {url}\n"))?;
        }
    }
    workspace.output.say("Ctrl-C ends them");
    signals::wait().await;
    drop(running);
    Ok(Exit::Done)
}

fn pick(vendors: &[String]) -> Result<Vec<(&'static str, Emulator)>, Failure> {
    if vendors.is_empty() {
        return Ok(ALL.to_vec());
    }
    let mut picked = Vec::new();
    for vendor in vendors {
        let Some(found) = ALL.into_iter().find(|(name, _)| name == vendor) else {
            let names = ALL.map(|(name, _)| name);
            let message = format!("there is no emulator of `{vendor}`");
            return Err(Failure::new(Exit::Usage, "emulate.unknown", message).with_hint_if(name_hint(
                vendor,
                &names,
                "there are emulators of",
            )));
        };
        picked.push(found);
    }
    Ok(picked)
}
