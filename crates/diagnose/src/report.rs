//! A diagnosis as one JSON document.
//!
//! Keys end in their unit: `_s`, `_bps`, `_bytes`, `_segments`; shares and counts have none. What is not known is absent.

use serde::Serialize;

use crate::diagnosis::{Diagnosis, Outlook, Summary};
use crate::evidence::{Evidence, PacketFacts};
use crate::finding::{Finding, Remedy};
use crate::limits::Limits;

/// One flow in the document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where the evidence comes from: "counters", "ss", "iperf3" or "packets".
    pub evidence: &'static str,
    /// The sender's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The receiver's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The congestion control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// "nothing wrong", "problems found" or "not enough evidence".
    pub verdict: &'static str,
    /// The flow as numbers.
    pub summary: Summary,
    /// Shares of its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Problems, the likeliest gain first.
    pub findings: Vec<FindingReport>,
    /// What the path would allow.
    pub outlook: Outlook,
    /// What a capture of packets told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<PacketFacts>,
}

/// A problem in the document.
#[derive(Clone, Debug, Serialize)]
pub struct FindingReport {
    /// Its name in the catalogue.
    pub problem: &'static str,
    /// Its number in the catalogue, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u8>,
    /// What it is.
    pub title: &'static str,
    /// Where it is: "application", "sender", "receiver" or "network".
    pub place: &'static str,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// The share of the flow's life that it explains.
    pub share: f64,
    /// The numbers that show it.
    pub evidence: serde_json::Map<String, serde_json::Value>,
    /// What to do, best first.
    pub remedies: Vec<Remedy>,
}

impl Report {
    /// What was found of a flow.
    #[must_use]
    pub fn new(evidence: &Evidence, diagnosis: Diagnosis) -> Self {
        let verdict = match (&diagnosis.limits, diagnosis.findings.is_empty()) {
            (_, false) => "problems found",
            (Some(_), true) if diagnosis.summary.duration_s > 0.0 => "nothing wrong",
            _ => "not enough evidence",
        };
        Self {
            evidence: evidence.source.name(),
            source: evidence.flow.map(|flow| flow.source.to_string()),
            destination: evidence.flow.map(|flow| flow.destination.to_string()),
            congestion_control: evidence.congestion_control.clone(),
            verdict,
            summary: diagnosis.summary,
            limits: diagnosis.limits,
            findings: diagnosis.findings.into_iter().map(FindingReport::new).collect(),
            outlook: diagnosis.outlook,
            packets: evidence.packets.clone(),
        }
    }
}

impl FindingReport {
    fn new(finding: Finding) -> Self {
        let facts = finding.evidence.iter().map(|fact| (fact.name.to_owned(), fact.value.into()));
        Self {
            problem: finding.problem.id(),
            number: finding.problem.number(),
            title: finding.problem.title(),
            place: finding.problem.place().name(),
            confidence: finding.confidence,
            share: finding.share,
            evidence: facts.collect(),
            remedies: finding.remedies,
        }
    }
}
