//! `portcullis doctor`: what is wrong with an installation, one line each, and what to do.
//!
//! [`facts`] looks, [`checks`] judges: each check is a pure function of what was found.

mod checks;
mod facts;

use anyhow::ensure;
use serde_json::{Value, json};

use super::output;
use crate::config::{Config, ConfigError};
use checks::{CHECKS, Finding, Verdict};
use facts::Facts;

/// Runs the command. With a configuration that cannot be loaded nothing else can be looked at.
pub async fn run(config: Result<Config, ConfigError>, json: bool) -> anyhow::Result<()> {
    let findings = match config {
        Ok(config) => examine(&Facts::gather(config).await),
        Err(error) => error
            .problems()
            .iter()
            .map(|problem| checks::unconfigured(problem))
            .collect(),
    };
    let failures = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .count();
    let document = json!({
        "healthy": failures == 0,
        "checks": findings.iter().map(document).collect::<Vec<_>>(),
    });
    output::print(json, &document, &text(&findings))?;
    ensure!(failures == 0, "{failures} check(s) failed");
    Ok(())
}

fn examine(facts: &Facts) -> Vec<Finding> {
    CHECKS.iter().filter_map(|check| check(facts)).collect()
}

fn document(finding: &Finding) -> Value {
    json!({
        "check": finding.check,
        "verdict": finding.verdict.as_str(),
        "message": finding.message,
        "advice": finding.advice,
    })
}

fn text(findings: &[Finding]) -> String {
    let mut lines = String::new();
    for finding in findings {
        let (verdict, check) = (finding.verdict.as_str(), finding.check);
        lines.push_str(&format!(
            "{verdict:4}  {check:14}  {}\n",
            output::clean(&finding.message)
        ));
        if let Some(advice) = &finding.advice {
            lines.push_str(&format!("{:22}→ {}\n", "", output::clean(advice)));
        }
    }
    lines
}
