//! A table as text.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use super::{Context, ExportError, Exporter, Seconds};
use crate::flow::{Flow, FlowId};
use crate::reader::Batch;

pub(super) struct Csv<'h, W: Write> {
    context: Context<'h>,
    out: BufWriter<W>,
}

impl<'h, W: Write> Csv<'h, W> {
    /// Writes the line of names.
    pub(super) fn new(context: Context<'h>, out: W) -> io::Result<Self> {
        let mut out = BufWriter::new(out);
        write!(out, "time,elapsed_s,flow,source,destination")?;
        for column in &context.schema.columns {
            write!(out, ",{}", quoted(&column.name_with_unit()))?;
        }
        writeln!(out)?;
        Ok(Self { context, out })
    }
}

impl<W: Write> Exporter for Csv<'_, W> {
    fn batch(&mut self, batch: &Batch, flows: &BTreeMap<FlowId, Flow>) -> Result<(), ExportError> {
        for sample in self.context.samples(batch, flows) {
            let (source, destination) = (sample.source(), sample.destination());
            write!(
                self.out,
                "{},{},{},{source},{destination}",
                sample.date,
                Seconds(sample.elapsed),
                sample.id
            )?;
            for value in sample.block.row(sample.row) {
                match value {
                    Some(value) => write!(self.out, ",{value}")?,
                    None => write!(self.out, ",")?,
                }
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}

/// A field as RFC 4180 writes it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
