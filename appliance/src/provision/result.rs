//! What became of an import, in words.

use std::fmt::{self, Display, Formatter};

/// What became of an import.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Replaced, by name in the folder.
    Accepted(Vec<String>),
    /// All of it is in use already.
    NothingNew,
    /// Why; nothing was replaced.
    Refused(Vec<String>),
}

/// The text of `result.txt`. It says the same as long as the folder is the same: a disk is not written to at each start.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    pub(crate) outcome: &'a Outcome,
    /// Files that mean nothing here.
    pub(crate) left_alone: &'a [String],
}

impl Display for Told<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.outcome {
            Outcome::Accepted(names) => {
                writeln!(f, "Accepted. In use from the next start of the box:")?;
                names.iter().try_for_each(|name| writeln!(f, "  {name}"))?;
            }
            Outcome::NothingNew => writeln!(f, "Nothing new: everything in this folder is in use already.")?,
            Outcome::Refused(reasons) => {
                writeln!(f, "Refused. The box is as it was before.")?;
                reasons.iter().try_for_each(|reason| writeln!(f, "  {reason}"))?;
            }
        }
        if !self.left_alone.is_empty() {
            writeln!(f, "Left alone, because nothing here asks for it:")?;
            self.left_alone.iter().try_for_each(|name| writeln!(f, "  {name}"))?;
        }
        Ok(())
    }
}
