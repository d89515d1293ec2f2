//! The ways in and out: who may reach which port, where the pods may connect, and what is told to Prometheus.

use serde_json::{Value, json};

use super::pods::{SHAPES, pod};
use super::{documents, list, page, resource, resources, text};

fn policy(file: &str) -> Value {
    resource(file, "NetworkPolicy")["spec"].clone()
}

/// The rule of a port, by its name or number.
fn rule<'a>(rules: &'a Value, port: &Value) -> &'a Value {
    let has_it = |rule: &&Value| list(&rule["ports"]).iter().any(|it| it["port"] == *port);
    let rule = list(rules).iter().find(has_it);
    rule.unwrap_or_else(|| panic!("no rule for {port}"))
}

#[test]
fn the_world_reaches_the_public_port_and_operators_alone_the_other() {
    for (file, kind) in SHAPES {
        let policy = policy(file);
        assert_eq!(
            policy["podSelector"],
            resource(file, kind)["spec"]["selector"]
        );
        assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
        let public = rule(&policy["ingress"], &json!("public"));
        assert_eq!(public.get("from"), None, "{file}: from anywhere");
        assert_eq!(list(&public["ports"]).len(), 1);
        let from = list(&rule(&policy["ingress"], &json!("ops"))["from"]);
        assert!(!from.is_empty(), "{file}: operators' port is open to all");
        // Else `helm test` would fail where the policy is obeyed.
        let test = json!({
            "app.kubernetes.io/name": "signalpost",
            "app.kubernetes.io/instance": "signalpost",
            "app.kubernetes.io/component": "test",
        });
        assert!(
            from.iter()
                .any(|peer| peer["podSelector"]["matchLabels"] == test)
        );
        let pod = page("deploy/helm/signalpost/templates/tests/ready.yaml");
        assert!(
            pod.contains("signalpost.release")
                && pod.contains("app.kubernetes.io/component: test\n")
        );
    }
}

fn variable(file: &str, kind: &str, name: &str) -> String {
    let pod = pod(file, kind);
    let variables = list(&super::pods::container(&pod)["env"]);
    let found = variables.iter().find(|one| one["name"] == name);
    text(&found.unwrap_or_else(|| panic!("{name}"))["value"]).to_owned()
}

#[test]
fn pods_may_connect_to_what_their_settings_name() {
    for (file, kind) in SHAPES {
        let egress = &policy(file)["egress"];
        let mut addresses = vec![variable(file, kind, "TEMPORAL_ADDRESS")];
        let store = variable(file, kind, "SIGNALPOST_STORE");
        addresses.extend(store.contains("://").then_some(store));
        for address in addresses {
            let port: u16 = address
                .rsplit(':')
                .next()
                .expect("a port")
                .parse()
                .expect("a port");
            rule(egress, &json!(port));
        }
        // Names, and keys by https.
        rule(egress, &json!(53));
        rule(egress, &json!(443));
    }
}

#[test]
fn the_ingress_leads_to_the_public_service_by_tls() {
    let ingress = resource("ingress.yaml", "Ingress");
    let mut hosts = Vec::new();
    for rule in list(&ingress["spec"]["rules"]) {
        hosts.push(text(&rule["host"]));
        for path in list(&rule["http"]["paths"]) {
            let service = &path["backend"]["service"];
            let mut found = resources("replicas.yaml");
            found.retain(|resource| {
                resource["kind"] == "Service" && resource["metadata"]["name"] == service["name"]
            });
            assert_eq!(
                found[0]["spec"]["ports"][0]["name"],
                service["port"]["name"]
            );
            assert_eq!(service["port"]["name"], "public");
        }
    }
    let secured: Vec<&str> = list(&ingress["spec"]["tls"])
        .iter()
        .flat_map(|tls| list(&tls["hosts"]))
        .map(text)
        .collect();
    assert_eq!(hosts, secured);
}

#[test]
fn prometheus_scrapes_the_operators_service_alone_as_the_job_of_the_alerts() {
    let monitor = resource("monitoring.yaml", "ServiceMonitor");
    let wanted = monitor["spec"]["selector"]["matchLabels"]
        .as_object()
        .expect("labels");
    for (file, _) in SHAPES {
        let mut services = resources(file);
        services.retain(|resource| resource["kind"] == "Service");
        services.retain(|service| {
            let labels = &service["metadata"]["labels"];
            wanted.iter().all(|(name, value)| labels[name] == *value)
        });
        assert_eq!(services.len(), 1, "{file}");
        let endpoint = &monitor["spec"]["endpoints"][0];
        assert_eq!(services[0]["spec"]["ports"][0]["name"], endpoint["port"]);
        assert_eq!(endpoint["path"], "/metrics");
        assert_eq!(
            endpoint["relabelings"],
            json!([{ "targetLabel": "job", "replacement": "signalpost" }])
        );
    }
    let alerts = documents("deploy/alerts.yaml").remove(0);
    assert!(alerts.to_string().contains("job=\\\"signalpost\\\""));
    let rule = resource("monitoring.yaml", "PrometheusRule");
    assert_eq!(rule["spec"], alerts, "run deploy/kubernetes/render.sh");
}
