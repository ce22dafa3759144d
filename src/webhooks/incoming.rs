use serde_json::Value;

use chat_domain::CONTENT_CODE_POINTS_MAX;

/// So long a part of a line is.
const PART_CHARS_MAX: usize = 300;

/// What another system says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The text.
    pub text: String,
    /// Under which name.
    pub username: Option<String>,
    /// With which picture.
    pub icon: Option<String>,
}

/// What a body says: one of our own, of GitHub's (`event` is its header), or of Alertmanager's, as a line. None where it says
/// nothing that is known. Pure.
pub fn line_of(event: Option<&str>, body: &Value) -> Option<Said> {
    let text = match event {
        Some(event) => github(event, body)?,
        None if body["alerts"].is_array() => alerts(body)?,
        None => {
            let part = |name: &str| body[name].as_str().map(str::to_owned);
            return Some(Said { text: part("text")?, username: part("username"), icon: part("icon") });
        }
    };
    Some(Said { text: text.chars().take(CONTENT_CODE_POINTS_MAX).collect(), ..Said::default() })
}

/// A part of a line, at this place of a body: without breaks and what else would draw nothing, and not too long.
fn part(value: &Value, at: &str) -> Option<String> {
    let text = value.pointer(at)?.as_str()?;
    let line = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(PART_CHARS_MAX).collect();
    (!short.is_empty()).then_some(short)
}

fn github(event: &str, body: &Value) -> Option<String> {
    let repository = part(body, "/repository/full_name")?;
    let who = part(body, "/sender/login").unwrap_or_else(|| "somebody".to_owned());
    let action = part(body, "/action");
    let said = |kind: &str, at: &str| {
        let of = body.pointer(at).unwrap_or(&Value::Null);
        let number = of["number"].as_u64().map(|number| format!(" #{number}")).unwrap_or_default();
        let title = part(of, "/title").or(part(of, "/name")).or(part(of, "/tag_name"));
        let title = title.map(|title| format!(": {title}")).unwrap_or_default();
        let url = part(of, "/html_url").map(|url| format!(" {url}")).unwrap_or_default();
        let action = action.as_deref().unwrap_or("changed");
        format!("[{repository}] {who} {action} {kind}{number}{title}{url}")
    };
    Some(match event {
        "ping" => format!("[{repository}] GitHub writes here from now on"),
        "push" => {
            let n = body["commits"].as_array().map_or(0, Vec::len);
            let name = part(body, "/ref").unwrap_or_default();
            let name = name.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/");
            let url = part(body, "/compare").map(|url| format!(" {url}")).unwrap_or_default();
            let commits = if n == 1 { "commit" } else { "commits" };
            format!("[{repository}] {who} pushed {n} {commits} to {name}{url}")
        }
        "pull_request" => said("pull request", "/pull_request"),
        "issues" => said("issue", "/issue"),
        "issue_comment" => said("comment on", "/issue"),
        "release" => said("release", "/release"),
        "workflow_run" => {
            let run = body.get("workflow_run").unwrap_or(&Value::Null);
            let how = part(run, "/conclusion").or(part(run, "/status")).unwrap_or_default();
            format!("{} {how}", said("workflow", "/workflow_run"))
        }
        other => {
            let other: String = other.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(50).collect();
            let action = action.map(|action| format!(" {action}")).unwrap_or_default();
            format!("[{repository}] {other}{action} by {who}")
        }
    })
}

fn alerts(body: &Value) -> Option<String> {
    let alerts = body["alerts"].as_array()?;
    let status = part(body, "/status")?;
    let first = alerts.first();
    let of_first = |group: &str, name: &str| part(first?, &format!("/{group}/{name}"));
    let name = part(body, "/commonLabels/alertname").or(of_first("labels", "alertname"))?;
    let summary = part(body, "/commonAnnotations/summary").or(of_first("annotations", "summary"));
    let summary = summary.or(of_first("annotations", "description"));
    let summary = summary.map(|summary| format!(": {summary}")).unwrap_or_default();
    let url = part(body, "/externalURL").map(|url| format!(" {url}")).unwrap_or_default();
    Some(format!("[{} {}] {name}{summary}{url}", status.to_uppercase(), alerts.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use chat_domain::Content;

    fn text(event: Option<&str>, body: &Value) -> Option<String> {
        line_of(event, body).map(|said| said.text)
    }

    #[test]
    fn what_is_said_in_our_own_words_is_said_so() {
        let said = line_of(None, &json!({"text": "a\nb", "username": "deploy", "icon": "otter", "more": 1}));
        let expected = Said { text: "a\nb".into(), username: Some("deploy".into()), icon: Some("otter".into()) };
        assert_eq!(said, Some(expected));
        for body in [json!({}), json!({"text": 1}), json!([]), json!("text")] {
            assert_eq!(line_of(None, &body), None, "{body}");
        }
    }

    #[test]
    fn what_github_says_is_a_line() {
        let of = json!({"full_name": "otter/chat"});
        let push = json!({"repository": of, "sender": {"login": "ollie"}, "ref": "refs/heads/main",
            "commits": [{}, {}], "compare": "https://github.com/otter/chat/compare/a...b"});
        let expected = "[otter/chat] ollie pushed 2 commits to main https://github.com/otter/chat/compare/a...b";
        assert_eq!(text(Some("push"), &push).as_deref(), Some(expected));
        let issue = json!({"repository": of, "sender": {"login": "ollie"}, "action": "opened",
            "issue": {"number": 3, "title": "A\nlong  title", "html_url": "https://github.com/otter/chat/issues/3"}});
        let expected = "[otter/chat] ollie opened issue #3: A long title https://github.com/otter/chat/issues/3";
        assert_eq!(text(Some("issues"), &issue).as_deref(), Some(expected));
        let star = json!({"repository": of, "sender": {"login": "ollie"}, "action": "created"});
        assert_eq!(text(Some("star"), &star).as_deref(), Some("[otter/chat] star created by ollie"));
        assert_eq!(text(Some("push"), &json!({})), None);
    }

    #[test]
    fn what_alertmanager_says_is_a_line() {
        let body = json!({"version": "4", "status": "firing", "externalURL": "https://alerts.example",
            "commonLabels": {"alertname": "ChatDown"}, "commonAnnotations": {"summary": "No server answers"},
            "alerts": [{"labels": {"alertname": "ChatDown"}}, {}]});
        let expected = "[FIRING 2] ChatDown: No server answers https://alerts.example";
        assert_eq!(text(None, &body).as_deref(), Some(expected));
        assert_eq!(text(None, &json!({"alerts": [], "status": "firing"})), None);
    }

    proptest! {
        #[test]
        fn whatever_others_send_a_line_of_it_is_a_message(event in "[a-z_]{1,20}", name in any::<String>(), who in any::<String>(), title in any::<String>()) {
            let body = json!({"repository": {"full_name": name}, "sender": {"login": who}, "action": title,
                "issue": {"title": title}, "pull_request": {"title": title}, "release": {"name": title}});
            for event in [event.as_str(), "push", "issues", "pull_request", "release", "ping"] {
                if let Some(line) = text(Some(event), &body) {
                    prop_assert!(Content::parse(&line).is_ok(), "{:?}", line);
                }
            }
        }
    }
}
