//! Everything that runs in the demo: a Temporal dev server, the worker, the gateway.

use std::collections::HashMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use signalpost::cli::stack::{Options, Stack};
use temporalio_client::{Client, UntypedWorkflow, WorkflowStartOptions};

use crate::sender::{self, Answer, IdentityProvider};
use crate::worker;

/// What stands in the demo's routes.toml where the path of the key file goes.
const KEYS: &str = "/demo/jwks.json";

pub(crate) struct Shop {
    pub(crate) idp: IdentityProvider,
    stack: Stack,
    client: Client,
}

impl Shop {
    /// Brings all of it up. `with_ui`: Temporal's pages too.
    pub(crate) async fn open(with_ui: bool) -> Result<Self, Box<dyn Error>> {
        let idp = IdentityProvider::new()?;
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folder = project.join("target/demo");
        std::fs::create_dir_all(&folder)?;
        let keys = folder.join("jwks.json");
        std::fs::write(&keys, idp.jwks()?)?;
        let routes = folder.join("routes.toml");
        let written = include_str!("routes.toml").replace(KEYS, &keys.display().to_string());
        std::fs::write(&routes, written)?;
        let options = Options {
            routes,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            ops_listen: (Ipv4Addr::LOCALHOST, 0).into(),
            store: None,
            server_dir: project.join("target"),
            ui: with_ui,
            allow_unverified: false,
            secrets: HashMap::from(
                [
                    ("DEMO_STRIPE_SECRET", sender::STRIPE_SECRET),
                    ("DEMO_CARRIER_SECRET", sender::CARRIER_SECRET),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
            ),
        };
        let stack = Stack::open(options, &say).await?;
        let client = worker::client(stack.temporal_address(), "default").await?;
        worker::start(stack.temporal_address(), |sentence| say(&sentence));
        say("worker: polls task queue `orders` for OrderWorkflow");
        say(&format!("gateway: {}, ops {}", stack.public(), stack.ops()));
        Ok(Self { idp, stack, client })
    }

    pub(crate) fn base(&self) -> String {
        self.stack.public()
    }

    /// As the shop's own code would on a new order.
    pub(crate) async fn start_order(&self, order: &str) -> Result<(), Box<dyn Error>> {
        let options =
            WorkflowStartOptions::new(worker::TASK_QUEUE, format!("order-{order}")).build();
        self.client
            .start_workflow(
                UntypedWorkflow::new("OrderWorkflow"),
                worker::text(order),
                options,
            )
            .await?;
        Ok(())
    }

    /// The order's status as the gateway tells it, once both signals have reached the workflow.
    pub(crate) async fn status_once_settled(
        &self,
        token: &str,
        order: &str,
    ) -> Result<Answer, Box<dyn Error>> {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..200 {
            tick.tick().await;
            let answer = sender::ask(&self.base(), order, token).await?;
            if answer.status == 200
                && !answer.body["shipped"].is_null()
                && !answer.body["paid"].is_null()
            {
                return Ok(answer);
            }
        }
        sender::ask(&self.base(), order, token).await
    }

    /// Lines that work while the demo is up.
    pub(crate) fn what_next(&self, token: &str) {
        let base = self.base();
        let body = sender::payment("1002", "evt_100", 1250);
        let secret = sender::STRIPE_SECRET;
        say("\nEverything stays up until Ctrl-C. Try, in another terminal:\n");
        say("# pay order 1002 (it waits for its payment and its shipment)");
        say(&format!("body='{body}'"));
        say("ts=$(date +%s)");
        say(&format!(
            "sig=$(printf '%s.%s' \"$ts\" \"$body\" | openssl dgst -sha256 -hmac '{secret}' | sed 's/^.* //')"
        ));
        say(&format!(
            "curl -i {base}/hooks/stripe -H 'Content-Type: application/json' -H \"Stripe-Signature: t=$ts,v1=$sig\" -d \"$body\"\n"
        ));
        say("# ask for its status, as support");
        say(&format!(
            "curl -i {base}/orders/1002/status -H 'Authorization: Bearer {token}'\n"
        ));
        say("# where did the webhooks go?");
        say(&format!("curl {}/v1/events", self.stack.ops()));
        say(&format!("curl {}/metrics\n", self.stack.ops()));
        if let Some(ui) = self.stack.temporal_ui() {
            say(&format!(
                "# the workflows in Temporal's own pages\n{ui}/namespaces/default/workflows\n"
            ));
        }
    }

    pub(crate) async fn close(self) {
        self.stack.close().await;
    }
}

#[expect(
    clippy::print_stdout,
    reason = "a demo talks to the person who runs it"
)]
fn say(line: &str) {
    println!("{line}");
}
