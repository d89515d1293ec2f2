//! What each variable may be, and that no value is repeated.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn read(given: &[(&str, &str)]) -> Result<Option<Options>, Error> {
    let given: HashMap<&str, &str> = given.iter().copied().collect();
    traces(|name| given.get(name).map(|value| (*value).to_owned()))
}

const ADDRESS: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

#[test]
fn without_an_address_there_are_no_traces() {
    for given in [
        &[][..],
        &[("OTEL_SERVICE_NAME", "hooks")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
        &[ADDRESS, ("OTEL_SDK_DISABLED", "TRUE")],
        &[ADDRESS, ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        assert!(read(given).unwrap().is_none(), "{given:?}");
    }
    assert!(read(&[ADDRESS]).unwrap().is_some());
}

#[test]
fn the_address_of_traces_is_taken_as_it_is_and_the_general_one_gets_a_path() {
    let address = |given: &[(&str, &str)]| read(given).unwrap().unwrap().endpoint.to_string();
    assert_eq!(address(&[ADDRESS]), "http://collector:4318/v1/traces");
    let own = (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "https://t.example/in?x=1",
    );
    assert_eq!(address(&[ADDRESS, own]), "https://t.example/in?x=1");
    let below = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://t.example/otlp");
    assert_eq!(address(&[below]), "https://t.example/otlp/v1/traces");
    let asked = ("OTEL_TRACES_EXPORTER", "otlp");
    assert_eq!(address(&[asked]), "http://localhost:4318/v1/traces");
}

#[test]
fn what_is_said_is_obeyed() {
    let options = read(&[
        ADDRESS,
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20s3cret, x-team=a",
        ),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_SERVICE_NAME", "hooks"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,region=a%2Cb",
        ),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
    ])
    .unwrap()
    .unwrap();
    assert_eq!(options.headers["authorization"], "Bearer s3cret");
    assert!(!format!("{options:?}").contains("s3cret"));
    assert!(options.gzip);
    assert_eq!(options.timeout, Duration::from_millis(1500));
    let resource = |name: &str| {
        let found = options.resource.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(resource("service.name"), Some("hooks"));
    assert_eq!(resource("region"), Some("a,b"));
    let sampler = Sampler {
        ratio: 0.25,
        parent_based: true,
    };
    assert_eq!(options.sampler, sampler);
    assert_eq!((options.batch.queue, options.batch.size), (100, 100));
}

#[test]
fn what_cannot_be_obeyed_is_refused_and_not_repeated() {
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "s3cret"),
        ("OTEL_TRACES_EXPORTER", "s3cret"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "s3cret:4318"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://u:s3cret@collector",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=s3cret%0a"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/s3cret.pem"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_RESOURCE_ATTRIBUTES", "s3cret"),
        ("OTEL_TRACES_SAMPLER", "xray"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
    ] {
        let error = read(&[ADDRESS, (name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name} cannot")), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let ratio = ("OTEL_TRACES_SAMPLER", "traceidratio");
    assert!(read(&[ADDRESS, ratio, ("OTEL_TRACES_SAMPLER_ARG", "2")]).is_err());
}

proptest! {
    #[test]
    fn pairs_take_any_text(text in "\\PC{0,60}") {
        if let Some(pairs) = pairs(&text) {
            prop_assert!(pairs.iter().all(|(name, _)| !name.is_empty()));
        }
    }
}
