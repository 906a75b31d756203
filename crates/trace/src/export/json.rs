//! One JSON object a sample.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use super::{Context, ExportError, Exporter, Seconds};
use crate::flow::{Flow, FlowId};
use crate::reader::Batch;

pub(super) struct JsonLines<'h, W: Write> {
    context: Context<'h>,
    /// The names of the columns as JSON texts.
    names: Vec<String>,
    out: BufWriter<W>,
}

impl<'h, W: Write> JsonLines<'h, W> {
    pub(super) fn new(context: Context<'h>, out: W) -> Self {
        let name = |column: &crate::Column| serde_json::Value::from(column.name_with_unit()).to_string();
        Self { context, names: context.schema.columns.iter().map(name).collect(), out: BufWriter::new(out) }
    }
}

impl<W: Write> Exporter for JsonLines<'_, W> {
    fn batch(&mut self, batch: &Batch, flows: &BTreeMap<FlowId, Flow>) -> Result<(), ExportError> {
        for sample in self.context.samples(batch, flows) {
            let (date, elapsed) = (sample.date, Seconds(sample.elapsed));
            write!(self.out, r#"{{"time":"{date}","elapsed_s":{elapsed},"flow":{}"#, sample.id)?;
            if let Some(flow) = sample.flow {
                let (source, destination) = (flow.key.source, flow.key.destination);
                write!(self.out, r#","source":"{source}","destination":"{destination}""#)?;
            }
            for (name, value) in self.names.iter().zip(sample.block.row(sample.row)) {
                if let Some(value) = value {
                    write!(self.out, ",{name}:{value}")?;
                }
            }
            writeln!(self.out, "}}")?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}
