//! What the schema says about a pipeline, seen as an editor or a validator sees it.

use super::*;

fn schema() -> Json {
    json_schema(&Registry::new([]))
}

fn is_valid(change: impl FnOnce(&mut Json)) -> bool {
    let mut pipeline = json!({
        "version": 1,
        "name": "p",
        "streams": [{
            "name": "s",
            "source": { "connection": "a", "object": "b" },
            "destinations": [{ "connection": "a", "object": "c", "mappings": { "x": "y" } }],
        }],
    });
    change(&mut pipeline);
    jsonschema::validator_for(&schema()).unwrap().is_valid(&pipeline)
}

#[test]
fn it_is_a_valid_schema_that_accepts_the_smallest_pipeline() {
    assert!(jsonschema::meta::is_valid(&schema()));
    assert!(is_valid(|_| {}));
}

#[test]
fn it_requires_what_every_pipeline_has() {
    for key in ["version", "name", "streams"] {
        assert!(!is_valid(|pipeline| drop(pipeline.as_object_mut().unwrap().remove(key))), "{key}");
    }
    for key in ["name", "source", "destinations"] {
        assert!(!is_valid(|pipeline| drop(pipeline["streams"][0].as_object_mut().unwrap().remove(key))), "{key}");
    }
}

#[test]
fn a_key_that_may_be_left_out_may_not_be_null() {
    for key in ["description", "limits", "on_error", "connections"] {
        assert!(!is_valid(|pipeline| pipeline[key] = Json::Null), "{key}");
    }
}

#[test]
fn otherwise_may_be_null_as_yaml_writes_it() {
    let with = |otherwise: Json| {
        is_valid(|pipeline| {
            let mapping = json!({ "from": "a", "values": { "b": "c" }, "otherwise": otherwise });
            pipeline["streams"][0]["destinations"][0]["mappings"]["x"] = mapping;
        })
    };
    assert!(with(Json::Null) && with(json!("keep")) && with(json!({ "value": 1 })));
    assert!(!with(json!("kep")) && !with(json!({ "vale": 1 })));
}

#[test]
fn every_key_of_the_format_is_described() {
    let schema = schema();
    for definition in ["Stream", "Source", "Destination", "Limits", "FullMapping", "SplitSpec", "JoinSpec"] {
        let properties = schema["$defs"][definition]["properties"].as_object().unwrap();
        for (key, property) in properties {
            assert!(property["description"].is_string(), "{definition}.{key}");
        }
    }
}
