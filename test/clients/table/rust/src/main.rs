// The client of the official Rust SDK: precinct-client URL. Prints one line of JSON: try → "yes", or why not.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, ClientRequest, ProgressNotificationParam, Request};
use rmcp::service::{NotificationContext, PeerRequestOptions, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, RoleClient, ServiceExt};
use serde_json::{Map, Value, json};

const SLOW: &str = "trigger-long-running-operation";

/// Counts the steps that it is told.
#[derive(Clone, Default)]
struct Table {
    steps: Arc<AtomicUsize>,
}

impl ClientHandler for Table {
    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.steps.fetch_add(1, Ordering::SeqCst);
    }
}

type Running = RunningService<RoleClient, Table>;

fn call_of(name: &'static str, arguments: Value) -> CallToolRequestParams {
    let arguments: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
    CallToolRequestParams::new(name).with_arguments(arguments)
}

fn shown(error: &ServiceError) -> String {
    format!("no: {}", error.to_string().lines().next().unwrap_or(""))
}

async fn echo(client: &Running) -> String {
    match client.call_tool(call_of("echo", json!({"message": "hello from the table"}))).await {
        Ok(result) if serde_json::to_string(&result).unwrap_or_default().contains("hello from the table") => "yes".into(),
        Ok(_) => "no: another answer".into(),
        Err(error) => shown(&error),
    }
}

async fn listed(client: &Running) -> String {
    match client.list_all_tools().await {
        Ok(tools) if tools.iter().any(|tool| tool.name == "echo") => "yes".into(),
        Ok(tools) => format!("no: {} tools, and echo is not one", tools.len()),
        Err(error) => shown(&error),
    }
}

async fn refused(client: &Running) -> String {
    match client.call_tool(call_of("get-env", json!({}))).await {
        Err(ServiceError::McpError(error)) if error.data.as_ref().is_some_and(|data| data["code"] == "authz_policy_denied") => "yes".into(),
        Err(error) => format!("{} without the code", shown(&error)),
        Ok(_) => "no: an answer".into(),
    }
}

async fn progressed(client: &Running) -> String {
    let steps = &client.service().steps;
    steps.store(0, Ordering::SeqCst);
    match client.call_tool(call_of(SLOW, json!({"duration": 0.6, "steps": 3}))).await {
        Ok(_) if steps.load(Ordering::SeqCst) >= 3 => "yes".into(),
        Ok(_) => format!("no: {} steps", steps.load(Ordering::SeqCst)),
        Err(error) => shown(&error),
    }
}

async fn cancelled(client: &Running) -> String {
    let steps = &client.service().steps;
    steps.store(0, Ordering::SeqCst);
    let request = ClientRequest::CallToolRequest(Request::new(call_of(SLOW, json!({"duration": 20, "steps": 40}))));
    let handle = match client.send_cancellable_request(request, PeerRequestOptions::no_options()).await {
        Ok(handle) => handle,
        Err(error) => return shown(&error),
    };
    for _ in 0..100 {
        if steps.load(Ordering::SeqCst) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if let Err(error) = handle.cancel(Some("given up".into())).await {
        return shown(&error);
    }
    echo(client).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).unwrap_or_default();
    let client = match Table::default().serve(StreamableHttpClientTransport::from_uri(url)).await {
        Ok(client) => client,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let outcomes = json!({
        "list": listed(&client).await,
        "call": echo(&client).await,
        "error": refused(&client).await,
        "progress": progressed(&client).await,
        "cancel": cancelled(&client).await,
    });
    println!("{outcomes}");
    let _ = client.cancel().await;
}
