//! The log: one line for each event, human or JSON, on standard error. Fields that name people, rooms or addresses are left out
//! unless asked for.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use board_config::{Level, Log};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Fields that tell who somebody is or where. Messages themselves never do: that is a rule of the house.
const PRIVATE: [&str; 14] = [
    "address",
    "authority",
    "from",
    "host",
    "jid",
    "local",
    "name",
    "nick",
    "path",
    "peer",
    "recording",
    "remote",
    "room",
    "to",
];
const REDACTED: &str = "(private)";

/// Starts logging. Called once, before anything logs.
pub(crate) fn start(config: &Log) {
    let level = match config.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let layer = Lines { json: config.json, names: config.names };
    // Fails only when a log was started already, and then that one goes on.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer.with_filter(level)));
}

/// Writes events as lines.
#[derive(Debug)]
struct Lines {
    json: bool,
    names: bool,
}

/// Fields in the order in which they were written.
#[derive(Debug, Default)]
struct Fields {
    names: bool,
    message: String,
    list: Vec<(&'static str, Value)>,
}

impl Fields {
    fn new(names: bool) -> Self {
        Self { names, ..Self::default() }
    }

    fn add(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let private = !self.names && (PRIVATE.contains(&name) || name == "endpoint" && !is_anonymous(&value));
        self.list.push((name, if private { Value::from(REDACTED) } else { value }));
    }
}

/// Ids that clients make up of random digits say nothing of a person; a gateway or a script may be called after one.
fn is_anonymous(endpoint: &Value) -> bool {
    endpoint.as_str().is_some_and(|id| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.add(field, Value::from(format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.add(field, Value::from(value));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::from(value));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::new(self.names);
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut all = Fields::new(self.names);
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                all.list.extend(fields.list.iter().cloned());
            }
        }
        event.record(&mut all);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let metadata = event.metadata();
        let line = if self.json {
            json_line(time, metadata.level().as_str(), metadata.target(), all)
        } else {
            human_line(time, metadata.level().as_str(), &all)
        };
        // A log that cannot be written has nowhere to complain.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

fn human_line(millis: u128, level: &str, fields: &Fields) -> String {
    let seconds = millis / 1000;
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut line = format!("{h:02}:{m:02}:{s:02}.{:03} {level:<5} {}", millis % 1000, one_line(&fields.message));
    for (name, value) in &fields.list {
        let _ = match value {
            Value::String(text) => write!(line, " {name}={}", one_line(text)),
            value => write!(line, " {name}={value}"),
        };
    }
    line.push('\n');
    line
}

/// What a stranger wrote must not look like a line of its own, nor move the cursor.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn json_line(millis: u128, level: &str, target: &str, fields: Fields) -> String {
    let mut object = Map::new();
    for (name, value) in fields.list {
        object.insert(name.to_owned(), value);
    }
    object.insert("time_ms".to_owned(), Value::from(u64::try_from(millis).unwrap_or(u64::MAX)));
    object.insert("level".to_owned(), Value::from(level.to_ascii_lowercase()));
    object.insert("target".to_owned(), Value::from(target));
    object.insert("message".to_owned(), Value::from(fields.message));
    let mut line = Value::Object(object).to_string();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        Fields {
            names: false,
            message: "somebody joined".to_owned(),
            list: vec![
                ("room", Value::from("(private)")),
                ("count", Value::from(3)),
                ("why", Value::from("a\nb\u{1b}")),
            ],
        }
    }

    #[test]
    fn a_human_line_has_the_time_of_day_and_stays_one_line() {
        assert_eq!(
            human_line(86_400_000 + 3_723_004, "INFO", &fields()),
            "01:02:03.004 INFO  somebody joined room=(private) count=3 why=a\\nb\\u{1b}\n"
        );
    }

    #[test]
    fn a_json_line_is_one_object() {
        let value: Value = serde_json::from_str(&json_line(5, "WARN", "bridge", fields())).unwrap();
        assert_eq!((&value["level"], &value["count"], &value["time_ms"]), (&"warn".into(), &3.into(), &5.into()));
        assert_eq!(value["message"], "somebody joined");
    }

    #[test]
    fn names_and_addresses_are_left_out_unless_asked_for() {
        for (names, expected) in [(false, REDACTED), (true, "hall")] {
            let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let subscriber = tracing_subscriber::registry().with(Collect { names, seen: std::sync::Arc::clone(&seen) });
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(room = "hall", count = 2, endpoint = "29bf26ef", "joined");
                tracing::info!(endpoint = "hall", "joined");
            });
            let seen = seen.lock().unwrap();
            let endpoint = ("endpoint", Value::from("29bf26ef"));
            let named = ("endpoint", Value::from(expected));
            assert_eq!(*seen, [("room", Value::from(expected)), ("count", Value::from(2)), endpoint, named]);
        }
    }

    struct Collect {
        names: bool,
        seen: std::sync::Arc<std::sync::Mutex<Vec<(&'static str, Value)>>>,
    }

    impl<S: Subscriber> Layer<S> for Collect {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields::new(self.names);
            event.record(&mut fields);
            self.seen.lock().unwrap().extend(fields.list);
        }
    }
}
