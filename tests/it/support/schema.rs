use std::sync::LazyLock;

use serde_json::{Value, json};

static API: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("JSON"));

/// Whether a value fits a schema of docs/openapi.json.
pub fn fits_schema(name: &str, value: &Value) -> Result<(), String> {
    assert!(API["components"]["schemas"][name].is_object(), "a schema {name}");
    let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": API["components"]});
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    validator.validate(value).map_err(|error| format!("{error} at {}", error.instance_path()))
}

/// That it fits.
#[track_caller]
pub fn check_schema(name: &str, value: &Value) {
    if let Err(error) = fits_schema(name, value) {
        panic!("no {name}: {error}: {value}");
    }
}
