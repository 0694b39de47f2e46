// The only reader of process.env: every variable the gateway and the CLI know, by name.

export interface Environment {
  /** Where the CLI finds the gateway: a control socket's path, or http://host:port for the data plane alone. */
  readonly gateway: string | undefined;
  /** Replaces `state_dir` of the config file. */
  readonly stateDir: string | undefined;
  /** The config file instead of config/gateway.yaml. */
  readonly configFile: string | undefined;
  /** `1` makes the CLI print JSON everywhere. */
  readonly json: boolean;
  /** https://no-color.org: any value that is not empty. */
  readonly noColor: boolean;
  /** Where traces go if the config does not say: the whole URL (OpenTelemetry's OTLP Exporter Configuration). */
  readonly tracesUrl: string | undefined;
  readonly serviceName: string | undefined;
  /** A variable named in the config: `guard.api_key_env`, `secrets.key_env`. Undefined when unset or empty. */
  secret(name: string): string | undefined;
  /** All that a tool server which is a process gets of this one's variables: enough to find its programs, its folder and its language, and no secret. */
  readonly bare: Readonly<Record<string, string>>;
}

const BARE_VARIABLES = ['PATH', 'HOME', 'LANG'] as const;

/** Shown by `agw --help` and in docs/cli.md. */
export const ENVIRONMENT_VARIABLES = [
  ['AGW_GATEWAY', 'the control socket, or http(s)://host:port (as --gateway)'],
  ['AGW_CONFIG', 'the config file (as --config)'],
  ['AGW_STATE_DIR', 'the state folder, instead of state_dir in the config file'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'the collector of traces, if the config names none'],
  ['AGW_JSON', '1 = print JSON (as --json)'],
  ['NO_COLOR', 'any value = no colours'],
] as const;

export function readEnvironment(source: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const given = (name: string): string | undefined => (source[name] === '' ? undefined : source[name]);
  return {
    gateway: given('AGW_GATEWAY'),
    stateDir: given('AGW_STATE_DIR'),
    configFile: given('AGW_CONFIG'),
    json: ['1', 'true', 'yes'].includes(given('AGW_JSON') ?? ''),
    noColor: given('NO_COLOR') !== undefined,
    tracesUrl: given('OTEL_SDK_DISABLED') === 'true' ? undefined : given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? tracesUrlOf(given('OTEL_EXPORTER_OTLP_ENDPOINT')),
    serviceName: given('OTEL_SERVICE_NAME'),
    secret: given,
    bare: Object.freeze(Object.fromEntries(BARE_VARIABLES.flatMap((name): [string, string][] => {
      const value = given(name);
      return value === undefined ? [] : [[name, value]];
    }))),
  };
}

const TRACES_PATH = 'v1/traces';

function tracesUrlOf(base: string | undefined): string | undefined {
  return base === undefined ? undefined : `${base}${base.endsWith('/') ? '' : '/'}${TRACES_PATH}`;
}

/** As people write it: with the path, or the collector alone. */
export function tracesUrl(endpoint: string, { tracesUrl: otherwise }: Environment): string | undefined {
  if (endpoint === '') return otherwise;
  return URL.canParse(endpoint) && new URL(endpoint).pathname === '/' ? tracesUrlOf(endpoint) : endpoint;
}

/** In the registry, the whole value of a variable that is the gateway's own: a key need not stand in the file. */
export const NAMED_VARIABLE = /^\$ENV\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const NAMED_VARIABLES = /\$ENV\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

export function namedVariables(text: string): string[] {
  return [...text.matchAll(NAMED_VARIABLES)].map(([, name = '']) => name);
}

const LACKED = /\$ENV\{(\w+)\}, and [a-z ]+ has no such variable/g;

/** How a reason says which variable is not set, and in whose environment; `lackedVariables` reads it again. */
export function lackText(name: string, owner = 'the gateway'): string {
  return `$ENV{${name}}, and ${owner} has no such variable`;
}

export function lackedVariables(reason: string): string[] {
  return [...reason.matchAll(LACKED)].map(([, name = '']) => name);
}

/** Whether every `$ENV{` of a text names a variable. */
export function namesVariables(text: string): boolean {
  return !text.replace(NAMED_VARIABLES, '').includes('$ENV{');
}

/** The text with the variables it names put in, and their values; or the first that has none. Values are not looked through for names again. */
export function fillVariables(text: string, variable: (name: string) => string | undefined): { readonly text: string; readonly values: readonly string[] } | { readonly missing: string } {
  const names = namedVariables(text);
  const missing = names.find((name) => variable(name) === undefined);
  if (missing !== undefined) return { missing };
  return { text: text.replace(NAMED_VARIABLES, (_all, name: string) => variable(name) ?? ''), values: names.map((name) => variable(name) ?? '') };
}

/** Room for a JWT-SVID beside other headers; uWebSockets.js takes 4 KiB unless its variable says more, and reads it once, before the first thread starts. */
const HEADER_BYTES_MAX = 16 * 1024;

export function allowLargeHeaders(target: Record<string, string | undefined> = process.env): void {
  target['UWS_HTTP_MAX_HEADERS_SIZE'] ??= String(HEADER_BYTES_MAX);
}
