//! What is served is what the OpenAPI document says.

use crate::world::Running;
use reqwest::header;
use serde_json::Value;

/// Asks for every route that `wanted` takes, with `values` in its path: what is served must be what the document says. How many
/// they were.
pub(crate) async fn described(
    indexer: &Running,
    document: &Value,
    wanted: impl Fn(&str) -> bool,
    values: &[(&str, String)],
) -> usize {
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| wanted(path));
    let mut asked = 0;
    for (path, methods) in paths {
        assert_eq!(methods.as_object().unwrap().keys().collect::<Vec<_>>(), ["get"], "{path}");
        let operation = &methods["get"];
        assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{path}");
        assert!(operation["responses"]["200"].is_object(), "{path}");
        let concrete = values.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
        let response = indexer.http.get(format!("{}{concrete}", indexer.url)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{concrete}");
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let declared = operation["responses"]["200"]["content"].as_object().unwrap().keys().next().unwrap().clone();
        assert!(kind.starts_with(&declared), "{path}: {kind} is not {declared}");
        if kind == "application/json" {
            let body: Value = response.json().await.unwrap();
            conforms(document, &operation["responses"]["200"]["content"][&declared]["schema"], &body, path);
        }
        asked += 1;
    }
    asked
}

/// Checks `value` against as much of JSON Schema as the document uses.
pub(crate) fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/components/schemas/");
        return conforms(document, &document["components"]["schemas"][name], value, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        conforms(document, part, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        if value.is_null() {
            return assert!(choices.iter().any(|choice| choice["type"] == "null"), "{at}: null");
        }
        let choice = choices.iter().find(|choice| choice["type"] != "null").unwrap();
        return conforms(document, choice, value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        single => single.as_str().into_iter().collect(),
    };
    assert!(types.is_empty() || types.contains(&kind), "{at}: {value} is no {types:?}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(document, &schema["items"], item, at);
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{at}: {required} is missing in {value}");
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(field) = value.get(name) {
            conforms(document, property, field, &format!("{at}.{name}"));
        }
    }
}
