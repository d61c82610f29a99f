//! What a recurrent cell reads at each step.

/// The input of the packed rows.
#[derive(Debug, Clone, Copy)]
pub enum CellInput<'a, T> {
    /// Features [rows, input].
    Rows(&'a [T]),
    /// Rows of a table. The product of the table and the kernel is computed once and its rows copied; the gradients of
    /// the gates are summed by token first. This is less work if the table has fewer rows than half of the packed rows.
    Tokens {
        /// [vocabulary, input].
        table: &'a [T],
        /// For each packed row, its row of the table.
        ids: &'a [u32],
    },
}

impl<'a, T> CellInput<'a, T> {
    /// The matrix that is multiplied with the kernel, and whose gradient is `dx`: the rows or the table.
    pub(crate) const fn matrix(&self) -> &'a [T] {
        match *self {
            Self::Rows(rows) => rows,
            Self::Tokens { table, .. } => table,
        }
    }

    /// The row of the matrix for packed row `row`.
    pub(crate) fn source(&self, row: usize) -> usize {
        match *self {
            Self::Rows(_) => row,
            Self::Tokens { ids, .. } => ids[row] as usize,
        }
    }

    /// Rows of the table; 0 without one.
    pub(crate) const fn vocabulary(&self, input: usize) -> usize {
        match *self {
            Self::Rows(_) => 0,
            Self::Tokens { table, .. } => table.len() / input,
        }
    }

    /// # Panics
    /// If it is not the input of so many rows.
    pub(crate) fn check(&self, rows: usize, input: usize) {
        match *self {
            Self::Rows(x) => assert_eq!(Some(x.len()), rows.checked_mul(input), "length of x"),
            Self::Tokens { table, ids } => {
                assert!(table.len().is_multiple_of(input), "length of the table");
                assert_eq!(ids.len(), rows, "number of tokens");
                let vocabulary = table.len() / input;
                assert!(ids.iter().all(|&id| (id as usize) < vocabulary), "a token is not in the table");
            }
        }
    }
}
