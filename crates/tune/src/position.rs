//! Lines and columns of places in a text.

/// Where the lines of a text start.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// All of it.
    pub(crate) const fn text(&self) -> &'t str {
        self.text
    }

    /// The line of the byte at `offset`, counted from one.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// The column of the byte at `offset`, in characters, counted from one.
    pub(crate) fn column(&self, offset: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = self.text.get(self.starts[line - 1]..offset).map_or(0, |t| t.chars().count());
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let lines = Lines::new("äb\ncd\n");
        let at = |offset| (lines.line(offset), lines.column(offset));
        assert_eq!([at(0), at(2), at(4), at(5), at(7)], [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]);
        assert_eq!(Lines::new("").line(0), 1);
    }
}
