//! The one error type of the engine: a stable code and a message that names the place.

use std::fmt;

/// What kind of mistake or failure an [`Error`] reports; the codes are part of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// A rank or a dimension does not fit.
    Shape,
    /// An option has a value that is not accepted.
    Option,
    /// The data cannot be used: out of range, not finite, empty, of the wrong type.
    Data,
    /// The call is not possible in the present state.
    State,
    /// A file or a serialised description is malformed.
    Format,
    /// The operating system refused to read or write.
    Io,
    /// A loss or a gradient is not finite.
    Numeric,
    /// The memory that would be needed is not available.
    Memory,
    /// The combination is meaningful but not supported.
    Unsupported,
    /// A fault of the engine itself.
    Native,
    /// The caller cancelled the work.
    Aborted,
}

impl Code {
    /// The code as callers see it: `ERR_SHAPE`, …, and `ABORTED` for cancelled work.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shape => "ERR_SHAPE",
            Self::Option => "ERR_OPTION",
            Self::Data => "ERR_DATA",
            Self::State => "ERR_STATE",
            Self::Format => "ERR_FORMAT",
            Self::Io => "ERR_IO",
            Self::Numeric => "ERR_NUMERIC",
            Self::Memory => "ERR_MEMORY",
            Self::Unsupported => "ERR_UNSUPPORTED",
            Self::Native => "ERR_NATIVE",
            Self::Aborted => "ABORTED",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A coded error whose message says what was wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// A sentence for the user.
    pub message: String,
    /// Where the message names a row of the batch.
    row: Option<NamedRow>,
}

/// A row's number inside a message, so that a row of a batch can be renamed to the row of the data it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NamedRow {
    row: usize,
    /// Where its digits begin in the message.
    start: usize,
}

/// `Result` with the engine's [`Error`].
pub type Result<V, E = Error> = std::result::Result<V, E>;

impl Error {
    /// An error with any code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), row: None }
    }

    /// `ERR_SHAPE`.
    pub fn shape(message: impl Into<String>) -> Self {
        Self::new(Code::Shape, message)
    }

    /// `ERR_OPTION`.
    pub fn option(message: impl Into<String>) -> Self {
        Self::new(Code::Option, message)
    }

    /// `ERR_DATA`.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Code::Data, message)
    }

    /// `ERR_STATE`.
    pub fn state(message: impl Into<String>) -> Self {
        Self::new(Code::State, message)
    }

    /// `ERR_FORMAT`.
    pub fn format(message: impl Into<String>) -> Self {
        Self::new(Code::Format, message)
    }

    /// `ERR_NUMERIC`.
    pub fn numeric(message: impl Into<String>) -> Self {
        Self::new(Code::Numeric, message)
    }

    /// `ERR_MEMORY`.
    pub fn memory(message: impl Into<String>) -> Self {
        Self::new(Code::Memory, message)
    }

    /// `ERR_UNSUPPORTED`.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Code::Unsupported, message)
    }

    /// `ERR_NATIVE`: a condition that the engine's own checks should have made impossible.
    pub fn native(message: impl Into<String>) -> Self {
        Self::new(Code::Native, message)
    }

    /// Marks the place where the message says `row {row}`, a row of the batch.
    pub(crate) fn at_row(mut self, row: usize) -> Self {
        const WORD: &str = "row ";
        self.row = self
            .message
            .find(&format!("{WORD}{row}"))
            .map(|start| NamedRow { row, start: start + WORD.len() });
        self
    }

    /// Puts where it happened in front of the message.
    pub(crate) fn within(mut self, place: &str) -> Self {
        let place = format!("{place}: ");
        self.message.insert_str(0, &place);
        if let Some(named) = &mut self.row {
            named.start += place.len();
        }
        self
    }

    /// Renames the row of the batch that the message names, if any.
    pub(crate) fn with_rows(mut self, number: impl Fn(usize) -> Option<usize>) -> Self {
        if let Some(NamedRow { row, start }) = self.row.take()
            && let Some(actual) = number(row)
        {
            self.message.replace_range(start..start + row.to_string().len(), &actual.to_string());
        }
        self
    }

    /// The error of cancelled work.
    pub fn aborted() -> Self {
        Self::new(Code::Aborted, "The operation was aborted")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
