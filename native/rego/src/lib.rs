// The Rego engine (regorus) as a WebAssembly module without any binding generator.
//
// The host and this module share two byte buffers: `request`, which the host fills before a call, and `answer`, which
// holds what the call produced (JSON or an error text). Every call returns one of the STATUS numbers. Built for
// wasm32-wasip1: clocks, randomness and the text of a panic pass through the few imports of WASI preview 1, which the
// host implements by hand; there are no files, no environment, no network.

use core::num::{NonZeroU32, NonZeroUsize};
use core::time::Duration;
use std::cell::RefCell;

use anyhow::{anyhow, bail, Result};
use regorus::unstable::BUILTINS;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, LimitError, PolicyLengthConfig, Value};

const STATUS_OK: u32 = 0;
const STATUS_UNDEFINED: u32 = 1;
const STATUS_ERROR: u32 = 2;
const STATUS_TIMEOUT: u32 = 3;

/// Work units of the interpreter between two looks at the clock: a unit costs well below a microsecond, a look about 50 ns.
const UNITS_PER_CLOCK_READ: NonZeroU32 = NonZeroU32::new(64).unwrap();
/// The host bounds the text; these only keep the engine's own counters far from overflow. A line may hold a certificate.
const POLICY_LENGTHS: PolicyLengthConfig = PolicyLengthConfig {
    max_col: NonZeroU32::new(1 << 20).unwrap(),
    max_file_bytes: NonZeroUsize::new(256 << 20).unwrap(),
    max_lines: NonZeroUsize::new(1 << 20).unwrap(),
};
/// A larger buffer is given back after the call, so that one huge input doesn't stay in memory for good.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

struct Slot {
    engine: Engine,
    /// The engine as it was before anybody's question, ready to evaluate. One that broke off keeps where it was (the item of a `walk`, what `with`
    /// had replaced) and would go on from there with the next input: a copy of this takes its place.
    sound: Option<Engine>,
}

#[derive(Default)]
struct State {
    engines: Vec<Option<Slot>>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::default());
}

/// Makes room for `len` bytes and tells the host where to write them.
#[no_mangle]
pub extern "C" fn request(len: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.request.clear();
        state.request.resize(len, 0);
        state.request.as_mut_ptr()
    })
}

#[no_mangle]
pub extern "C" fn answer_at() -> *const u8 {
    STATE.with_borrow(|state| state.answer.as_ptr())
}

#[no_mangle]
pub extern "C" fn answer_len() -> usize {
    STATE.with_borrow(|state| state.answer.len())
}

/// Every builtin the engine has, with its number of arguments: `{"count":1,…}`.
#[no_mangle]
pub extern "C" fn builtins() -> u32 {
    reply(|_, _| {
        let mut names: Vec<(&str, u8)> = BUILTINS.iter().map(|(name, entry)| (*name, entry.1)).collect();
        names.sort_unstable();
        let members: Vec<String> = names.iter().map(|(name, arity)| format!("\"{name}\":{arity}")).collect();
        Ok(Answer::Text(format!("{{{}}}", members.join(","))))
    })
}

/// Answers the new engine's number as text. With `strict`, a builtin that fails is an error, else undefined.
#[no_mangle]
pub extern "C" fn engine_new(strict: u32) -> u32 {
    reply(|state, _| {
        let mut engine = Engine::new();
        engine.set_policy_length_config(POLICY_LENGTHS);
        engine.set_strict_builtin_errors(strict != 0);
        // Printed text is gathered (and dropped with the evaluation), never written anywhere: it may hold arguments.
        engine.set_gather_prints(true);
        let free = state.engines.iter().position(Option::is_none);
        let at = free.unwrap_or(state.engines.len());
        if free.is_none() {
            state.engines.push(None);
        }
        state.engines[at] = Some(Slot { engine, sound: None });
        Ok(Answer::Text(at.to_string()))
    })
}

#[no_mangle]
pub extern "C" fn engine_free(engine: usize) {
    STATE.with_borrow_mut(|state| {
        if let Some(slot) = state.engines.get_mut(engine) {
            *slot = None;
        }
    });
}

/// Request: the file's name (`name_len` bytes), then its text.
#[no_mangle]
pub extern "C" fn engine_add_policy(engine: usize, name_len: usize) -> u32 {
    reply(|state, request| {
        let (name, text) = split(request, name_len)?;
        let package = changed(state, engine)?.add_policy(name.to_owned(), text.to_owned())?;
        Ok(Answer::Text(package))
    })
}

/// Request: a JSON object that becomes `data`.
#[no_mangle]
pub extern "C" fn engine_add_data(engine: usize) -> u32 {
    reply(|state, request| {
        changed(state, engine)?.add_data(Value::from_json_str(text(request)?)?)?;
        Ok(Answer::Text(String::new()))
    })
}

/// The parsed form of all modules, as JSON: `[{"file":…,"text":…,"ast":…}]`. The engine's own writer indents, which
/// triples the text.
#[no_mangle]
pub extern "C" fn engine_ast(engine: usize) -> u32 {
    reply(|state, _| {
        let mut answer = String::from("[");
        for (i, module) in slot_at(state, engine)?.engine.get_modules().iter().enumerate() {
            let source = &module.package.span.source;
            let separator = if i == 0 { "" } else { "," };
            let (file, text) = (to_json(source.get_path())?, to_json(source.get_contents())?);
            answer += &format!("{separator}{{\"file\":{file},\"text\":{text},\"ast\":{}}}", to_json(&**module)?);
        }
        answer.push(']');
        Ok(Answer::Text(answer))
    })
}

/// Request: a rule path (`rule_len` bytes), then the input as JSON (may be empty: undefined).
#[no_mangle]
pub extern "C" fn engine_eval_rule(engine: usize, rule_len: usize, limit_ms: f64) -> u32 {
    reply(|state, request| {
        let (rule, input) = split(request, rule_len)?;
        let input = parse_input(input)?;
        let value = evaluate(slot_at(state, engine)?, input, limit_ms, |engine| engine.eval_rule(rule.to_owned()))?;
        to_answer(&value)
    })
}

/// Request: a query (`query_len` bytes), then the input: JSON, or with `input_is_term` a Rego term. Answers the results.
#[no_mangle]
pub extern "C" fn engine_eval_query(engine: usize, query_len: usize, input_is_term: u32, limit_ms: f64) -> u32 {
    reply(|state, request| {
        let (query, input) = split(request, query_len)?;
        let input = if input_is_term == 0 { parse_input(input)? } else { parse_term(input)? };
        let results = evaluate(slot_at(state, engine)?, input, limit_ms, |engine| engine.eval_query(query.to_owned(), false))?;
        Ok(Answer::Text(to_json(&results)?))
    })
}

fn evaluate<T>(slot: &mut Slot, input: Value, limit_ms: f64, run: impl FnOnce(&mut Engine) -> Result<T>) -> Result<T> {
    let Slot { engine, sound } = slot;
    limit(engine, limit_ms)?;
    let sound = match sound {
        Some(sound) => sound,
        None => {
            // Analyses the modules, and leaves nothing behind.
            engine.eval_query("true".to_owned(), false)?;
            sound.insert(engine.clone())
        }
    };
    engine.set_input(input);
    let outcome = run(engine);
    match outcome {
        // The input isn't kept: it may hold a caller's arguments.
        Ok(_) => engine.set_input(Value::Undefined),
        Err(_) => *engine = sound.clone(),
    }
    outcome
}

enum Answer {
    Text(String),
    Undefined,
}

fn reply(call: impl FnOnce(&mut State, &[u8]) -> Result<Answer>) -> u32 {
    STATE.with_borrow_mut(|state| {
        let request = core::mem::take(&mut state.request);
        let outcome = call(state, &request);
        state.request = if request.capacity() > BUFFER_BYTES_KEPT { Vec::new() } else { request };
        let (status, answer) = match outcome {
            Ok(Answer::Text(text)) => (STATUS_OK, text),
            Ok(Answer::Undefined) => (STATUS_UNDEFINED, String::new()),
            Err(fault) if is_timeout(&fault) => (STATUS_TIMEOUT, format!("{fault}")),
            Err(fault) => (STATUS_ERROR, format!("{fault}")),
        };
        state.answer = answer.into_bytes();
        status
    })
}

fn is_timeout(fault: &anyhow::Error) -> bool {
    matches!(fault.downcast_ref::<LimitError>(), Some(LimitError::TimeLimitExceeded { .. }))
}

fn slot_at(state: &mut State, engine: usize) -> Result<&mut Slot> {
    state.engines.get_mut(engine).and_then(Option::as_mut).ok_or_else(|| anyhow!("no such engine"))
}

/// An engine that is about to change: its copy is made anew.
fn changed(state: &mut State, engine: usize) -> Result<&mut Engine> {
    let slot = slot_at(state, engine)?;
    slot.sound = None;
    Ok(&mut slot.engine)
}

fn text(bytes: &[u8]) -> Result<&str> {
    core::str::from_utf8(bytes).map_err(|fault| anyhow!("{fault}"))
}

fn split(request: &[u8], first_len: usize) -> Result<(&str, &str)> {
    let (first, rest) = request.split_at_checked(first_len).ok_or_else(|| anyhow!("request too short"))?;
    Ok((text(first)?, text(rest)?))
}

fn limit(engine: &mut Engine, limit_ms: f64) -> Result<()> {
    let limit = Duration::try_from_secs_f64(limit_ms / 1000.0).map_err(|fault| anyhow!("{fault}"))?;
    engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval: UNITS_PER_CLOCK_READ });
    Ok(())
}

fn to_json(value: &(impl serde::Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|fault| anyhow!("{fault}"))
}

fn parse_input(json: &str) -> Result<Value> {
    if json.is_empty() {
        return Ok(Value::Undefined);
    }
    Value::from_json_str(json)
}

fn parse_term(term: &str) -> Result<Value> {
    let results = Engine::new().eval_query(term.to_owned(), false)?;
    match results.result.last().and_then(|result| result.expressions.last()) {
        Some(expression) => Ok(expression.value.clone()),
        None => bail!("the input term has no value"),
    }
}

fn to_answer(value: &Value) -> Result<Answer> {
    if *value == Value::Undefined {
        return Ok(Answer::Undefined);
    }
    Ok(Answer::Text(value.to_json_str()?))
}
