//! What was looked at and what came of it.

use std::fmt::Write;

use serde::Serialize;

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// Perhaps with a hint.
    Good,
    /// People meet, some of them not as they should, or it will not last.
    Warning,
    /// People cannot meet.
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at. The names are those of `moothall doctor --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What kind of thing; always the same word.
    pub(crate) check: &'static str,
    /// Which one of several, such as an address.
    pub(crate) subject: Option<String>,
    pub(crate) verdict: Verdict,
    /// What was found, and what it means for people.
    pub(crate) meaning: String,
    /// What to do.
    pub(crate) remedy: Option<String>,
}

impl Check {
    pub(crate) fn good(check: &'static str, meaning: impl Into<String>) -> Self {
        Self { check, subject: None, verdict: Verdict::Good, meaning: meaning.into(), remedy: None }
    }

    /// No problem without a remedy.
    pub(crate) fn warning(check: &'static str, meaning: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, ..Self::good(check, meaning) }.hint(remedy)
    }

    /// No problem without a remedy.
    pub(crate) fn bad(check: &'static str, meaning: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, ..Self::good(check, meaning) }.hint(remedy)
    }

    pub(crate) fn of(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    pub(crate) fn hint(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// For people: verdict and name, then what was found, and below it what to do.
pub(crate) fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let subject = check.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
        flow(&mut text, &format!("{:8} {:12} ", check.verdict.word(), check.check), &(subject + &check.meaning));
        if let Some(remedy) = &check.remedy {
            flow(&mut text, &format!("{:19}-> ", ""), remedy);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// Lines that a serial console shows whole, all of which begin below the first word.
fn flow(text: &mut String, start: &str, words: &str) {
    const WIDTH: usize = 80;
    text.push_str(start);
    let mut column = start.len();
    for word in words.split(' ') {
        let width = word.chars().count();
        if column > start.len() && column + 1 + width > WIDTH {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\n{:1$}", "", start.len());
            column = start.len();
        } else if column > start.len() {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text.push('\n');
}

/// The worst of all.
pub(crate) fn worst(checks: &[Check]) -> Verdict {
    checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_verdict_name_meaning_and_below_what_to_do() {
        let found = "nobody hears or sees anybody who is in the same meeting here";
        let checks = [Check::good("host", "runs"), Check::bad("call", found, "open UDP port 10000").of("192.0.2.2")];
        assert_eq!(
            text(&checks),
            "good     host         runs\n\
             bad      call         192.0.2.2: nobody hears or sees anybody who is in the same\n\
             \x20                     meeting here\n\
             \x20                  -> open UDP port 10000"
        );
        assert_eq!((worst(&checks), worst(&checks[..1])), (Verdict::Bad, Verdict::Good));
    }
}
