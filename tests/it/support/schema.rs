use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

static API: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("JSON"));

/// Whether a value fits a schema of docs/openapi.json.
pub fn fits_schema(name: &str, value: &Value) -> Result<(), String> {
    validator(name).validate(value).map_err(|error| format!("{error} at {}", error.instance_path()))
}

fn validator(name: &str) -> Arc<Validator> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let make = || {
        assert!(API["components"]["schemas"][name].is_object(), "a schema {name}");
        let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": API["components"]});
        Arc::new(jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema"))
    };
    MADE.lock().expect("no test fails in here").entry(name.to_owned()).or_insert_with(make).clone()
}

/// Panics unless it fits.
#[track_caller]
pub fn check_schema(name: &str, value: &Value) {
    if let Err(error) = fits_schema(name, value) {
        panic!("no {name}: {error}: {value}");
    }
}
