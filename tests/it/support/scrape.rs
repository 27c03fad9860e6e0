//! Scraping the metrics of a running process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::process::{Process, eventually};

/// One line of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Where a process answers Prometheus that was started with `metrics.listen=127.0.0.1:0`.
pub fn address(process: &Process) -> SocketAddr {
    let needle = r#""message":"metrics""#;
    assert!(process.logs(needle), "{}", process.log());
    let log = process.log();
    let line = log.lines().find(|line| line.contains(needle)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["address"].as_str().unwrap().parse().unwrap()
}

/// What it answers.
pub async fn scrape(process: &Process) -> String {
    let url = format!("http://{}/metrics", address(process));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(response.headers()["content-type"], media_type);
    response.text().await.unwrap()
}

/// Scrapes until the answer is as wanted.
pub async fn scrape_until(process: &Process, wanted: impl Fn(&[Sample]) -> bool) -> Vec<Sample> {
    let look = async || Some(samples(&scrape(process).await)).filter(|found| wanted(found));
    eventually(look).await.expect("a scrape as wanted")
}

/// The samples of a scrape. No label here holds a quote, a comma or a brace inside its quotes but for routes, whose braces
/// do not end the list.
pub fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let pairs = labels.strip_suffix('}').unwrap_or_default().split(',');
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    Sample {
        name: name.to_owned(),
        labels: pairs
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect(),
        value: value.parse().unwrap(),
    }
}

/// The sum of all samples with this name and these labels.
pub fn sum(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &&Sample| {
        let has = |(label, value): &(&str, &str)| sample.labels.get(*label).is_some_and(|found| found == value);
        sample.name == name && labels.iter().all(has)
    };
    samples.iter().filter(fits).map(|sample| sample.value).sum()
}
