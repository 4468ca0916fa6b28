//! The notices that are posted to `WEBHOOK_URL`.

use serde_json::{Value, json};

use super::closed;

/// Writes the notices into the document.
pub(super) fn describe(document: &mut Value) {
    document["components"]["schemas"]["JobNotice"] = json!({
        "type": "object",
        "description": "What became of a job. A notice may come twice, and in any order.",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "enum": closed::news()},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": "#/components/schemas/JobRecord"},
        },
    });
    document["components"]["schemas"]["AccountNotice"] = json!({
        "type": "object",
        "description": "The user of an account has to connect it again.",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "enum": ["account.needs_reauthorization"]},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "type": "object",
                "required": ["account", "state", "since", "cause", "detail", "generation"],
                "properties": {
                    "account": {"type": "string"},
                    "state": {"type": "string", "enum": ["needsReauthorization"]},
                    "since": {"type": "string", "format": "date-time"},
                    "cause": {"type": "string", "enum": closed::causes()},
                    "detail": {"type": "string"},
                    "generation": {"type": "integer", "format": "int64", "minimum": 0},
                },
            },
        },
    });
    document["webhooks"] = json!({
        "job": notice("jobNotice", "JobNotice", "An end of a job, or that it is blocked"),
        "account": notice("accountNotice", "AccountNotice", "An account has lost its connection"),
    });
}

fn notice(id: &str, schema: &str, summary: &str) -> Value {
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "required": true, "description": description, "schema": {"type": "string"}});
    json!({"post": {
        "operationId": id,
        "summary": summary,
        "tags": ["jobs"],
        // Signed, not authenticated by a key.
        "security": [],
        "parameters": [
            header("webhook-id", "The same for every repeat, and for nothing else"),
            header("webhook-timestamp", "Seconds since 1970"),
            header("webhook-signature", "As Standard Webhooks says"),
        ],
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}},
        },
        "responses": {
            "2XX": {"description": "Taken; anything else is posted again for three days"},
            "410": {"description": "Nothing more is wanted"},
        },
    }})
}
