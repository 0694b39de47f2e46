package mcpgateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Era is a generation of MCP.
type Era string

const (
	// EraAuto is the newest, EraModern.
	EraAuto Era = "auto"
	// EraModern is 2026-07-28: no handshake, no session.
	EraModern Era = "2026-07-28"
	// EraLegacy is 2025-11-25: calls are made in a session, which the client opens with the first.
	EraLegacy Era = "2025-11-25"
)

// Defaults of the options of the same names.
const (
	DefaultURL            = "http://localhost:9090"
	DefaultTimeout        = 30 * time.Second
	DefaultMaxRetries     = 3
	DefaultBackoffBase    = time.Second
	DefaultMaxAnswerBytes = 32 << 20
)

type config struct {
	spiffeID                  string
	token                     func(context.Context) (string, error)
	fixedToken                string
	certFile, keyFile, caFile string
	workloadAPI               string
	audience, gatewaySPIFFEID string
	era                       Era
	maxRetries                int
	backoffBase               time.Duration
	maxAnswerBytes            int64
	httpClient                *http.Client
	traceparent               func(context.Context) string
	clientName, clientVersion string
	session                   sessionConfig
	call                      callConfig
	around                    surroundings
}

// sessionConfig is what a client says of itself in handshakes, and who answers servers; a session may have its own.
type sessionConfig struct {
	timeout        time.Duration // of the handshake
	capabilities   map[string]any
	onRequest      RequestHandler
	onNotification NotificationHandler
}

type callConfig struct {
	timeout         time.Duration
	waitForApproval time.Duration
	onApproval      func(ApprovalRequest)
	onProgress      func(Progress)
	onLog           func(LogMessage)
	idempotent      bool
	meta            map[string]any
	inputResponses  map[string]any
	requestState    string
}

// Option says how [NewClient] makes a client.
type Option interface{ applyToClient(*config) }

// CallOption says how one call is made.
type CallOption interface{ applyToCall(*callConfig) }

// SharedOption is both: of one call, or of every call that does not say otherwise.
type SharedOption interface {
	Option
	CallOption
}

// SessionOption says how [Client.Session] opens a session.
type SessionOption interface{ applyToSession(*sessionConfig) }

// ServerFacingOption is of a client, or of one session.
type ServerFacingOption interface {
	Option
	SessionOption
}

// TimeoutOption is of a client, of one call, or of a session's handshake.
type TimeoutOption interface {
	SharedOption
	SessionOption
}

type serverFacingOption func(*sessionConfig)

func (o serverFacingOption) applyToClient(c *config)         { o(&c.session) }
func (o serverFacingOption) applyToSession(c *sessionConfig) { o(c) }

type timeoutOption time.Duration

func (o timeoutOption) applyToClient(c *config)         { c.call.timeout = time.Duration(o) }
func (o timeoutOption) applyToCall(c *callConfig)       { c.timeout = time.Duration(o) }
func (o timeoutOption) applyToSession(c *sessionConfig) { c.timeout = time.Duration(o) }

type clientOption func(*config)

func (o clientOption) applyToClient(c *config) { o(c) }

type callOption func(*callConfig)

func (o callOption) applyToCall(c *callConfig) { o(c) }

type sharedOption func(*callConfig)

func (o sharedOption) applyToClient(c *config)   { o(&c.call) }
func (o sharedOption) applyToCall(c *callConfig) { o(c) }

// WithSPIFFEID names the caller in the header X-SPIFFE-ID, which a gateway believes in its dev profile alone, from this machine.
func WithSPIFFEID(id string) Option { return clientOption(func(c *config) { c.spiffeID = id }) }

// WithJWTSVID presents a JWT-SVID as bearer token.
func WithJWTSVID(token string) Option {
	return clientOption(func(c *config) { c.fixedToken = token })
}

// WithJWTSVIDSource asks for the JWT-SVID at every request.
func WithJWTSVIDSource(source func(context.Context) (string, error)) Option {
	return clientOption(func(c *config) { c.token = source })
}

// WithCertificateFiles presents an X.509-SVID (mTLS) from PEM files, which are read again when they change.
func WithCertificateFiles(certFile, keyFile string) Option {
	return clientOption(func(c *config) { c.certFile, c.keyFile = certFile, keyFile })
}

// WithCAFile names the authorities, in a PEM file, that the gateway's certificate must chain to.
func WithCAFile(caFile string) Option { return clientOption(func(c *config) { c.caFile = caFile }) }

// WithWorkloadAPI names the socket of the SPIFFE Workload API, such as unix:///run/spire/agent.sock, instead of SPIFFE_ENDPOINT_SOCKET.
func WithWorkloadAPI(address string) Option {
	return clientOption(func(c *config) { c.workloadAPI = address })
}

// WithAudience is the audience of JWT-SVIDs that are asked of the Workload API. Without it, it is the gateway's origin.
func WithAudience(audience string) Option {
	return clientOption(func(c *config) { c.audience = audience })
}

// WithGatewaySPIFFEID lets the gateway's certificate name this SPIFFE ID instead of its host.
func WithGatewaySPIFFEID(id string) Option {
	return clientOption(func(c *config) { c.gatewaySPIFFEID = id })
}

// WithEra chooses the generation of MCP; without it, EraAuto.
func WithEra(era Era) Option { return clientOption(func(c *config) { c.era = era }) }

// WithMaxRetries bounds how often a refused call is repeated; 0 = never.
func WithMaxRetries(count int) Option { return clientOption(func(c *config) { c.maxRetries = count }) }

// WithBackoffBase is the longest pause before the first repetition; it doubles with each.
func WithBackoffBase(base time.Duration) Option {
	return clientOption(func(c *config) { c.backoffBase = base })
}

// WithMaxAnswerBytes bounds an answer, and an event of a stream.
func WithMaxAnswerBytes(count int64) Option {
	return clientOption(func(c *config) { c.maxAnswerBytes = count })
}

// WithHTTPClient sends with an HTTP client of the caller's own, whose TLS and proxies are then its own affair: certificates go with it, or not at all.
// Redirects are still not followed.
func WithHTTPClient(client *http.Client) Option {
	return clientOption(func(c *config) { c.httpClient = client })
}

// WithTraceparent asks for the W3C traceparent of a call's context; "" = a new one. The SDK's README shows it with OpenTelemetry.
func WithTraceparent(source func(context.Context) string) Option {
	return clientOption(func(c *config) { c.traceparent = source })
}

// WithClientInfo is what the client says of itself, to the gateway and to tool servers.
func WithClientInfo(name, version string) Option {
	return clientOption(func(c *config) { c.clientName, c.clientVersion = name, version })
}

// WithClientCapabilities is what the client says it can do for a server, such as {"elicitation": {}}. A server of 2026-07-28 asks only for
// what is named here, and the call then ends with an [*InputRequiredError].
func WithClientCapabilities(capabilities map[string]any) ServerFacingOption {
	return serverFacingOption(func(c *sessionConfig) { c.capabilities = capabilities })
}

// RequestHandler answers what a server asks in a session, during a call or beside it: sampling/createMessage, elicitation/create, roots/list.
// Its result becomes JSON. [ErrNoSuchRequest] tells the server that the client has no such method; any other error is told as -32603 without its text.
type RequestHandler func(ctx context.Context, method string, params json.RawMessage) (any, error)

// ErrNoSuchRequest is what a [RequestHandler] returns for a method that it does not answer.
var ErrNoSuchRequest = errors.New("mcpgateway: the client answers no such requests")

// WithRequestHandler answers servers in sessions. Without it they are told that there is no such method. If [WithClientCapabilities] names
// no capabilities, sampling, elicitation and roots are.
func WithRequestHandler(handler RequestHandler) ServerFacingOption {
	return serverFacingOption(func(c *sessionConfig) { c.onRequest = handler })
}

// NotificationHandler is told what servers say in a session beside its calls, one after the other, such as notifications/tools/list_changed.
// The context ends with the session.
type NotificationHandler func(ctx context.Context, method string, params json.RawMessage)

// WithNotificationHandler hears servers in sessions. What they say within a call is for [WithProgress] and [WithLog].
func WithNotificationHandler(handler NotificationHandler) ServerFacingOption {
	return serverFacingOption(func(c *sessionConfig) { c.onNotification = handler })
}

// WithTimeout bounds a call, its repetitions included; waiting for an approval is bounded by itself.
func WithTimeout(limit time.Duration) TimeoutOption { return timeoutOption(limit) }

// WithWaitForApproval lets a call that a person must approve wait that long for the decision: it is repeated until it passes.
func WithWaitForApproval(limit time.Duration) SharedOption {
	return sharedOption(func(c *callConfig) { c.waitForApproval = limit })
}

// ApprovalRequest is what a person is asked to decide.
type ApprovalRequest struct {
	RequestID string
	Command   string // what an approver runs
	ExpiresAt string // RFC 3339
}

// WithApprovalRequested is told, once a call, of the request that [WithWaitForApproval] waits for.
func WithApprovalRequested(told func(ApprovalRequest)) SharedOption {
	return sharedOption(func(c *callConfig) { c.onApproval = told })
}

// WithProgress is told how far the call has come, before the call returns.
func WithProgress(told func(Progress)) CallOption {
	return callOption(func(c *callConfig) { c.onProgress = told })
}

// WithLog is told what the server logs for the call, before the call returns.
func WithLog(told func(LogMessage)) CallOption {
	return callOption(func(c *callConfig) { c.onLog = told })
}

// WithIdempotent says that running the call twice does no harm: it is repeated also where the connection was lost, or something before the gateway answered 503 or 429.
func WithIdempotent() CallOption { return callOption(func(c *callConfig) { c.idempotent = true }) }

// WithMeta adds members to the request's _meta.
func WithMeta(meta map[string]any) CallOption {
	return callOption(func(c *callConfig) { c.meta = meta })
}

// WithInputResponses continues a call that ended with an [*InputRequiredError]: the answers, by the names of its InputRequests, and its RequestState.
func WithInputResponses(responses map[string]any, requestState string) CallOption {
	return callOption(func(c *callConfig) { c.inputResponses, c.requestState = responses, requestState })
}

func withSurroundings(around surroundings) Option {
	return clientOption(func(c *config) { c.around = around })
}

func (c *config) check() error {
	switch {
	case c.era != EraAuto && c.era != EraModern && c.era != EraLegacy:
		return misconfigured(nil, "the era is auto, %s or %s", EraModern, EraLegacy)
	case c.maxRetries < 0:
		return misconfigured(nil, "retries cannot be fewer than 0")
	case c.backoffBase < 0:
		return misconfigured(nil, "the back-off cannot be shorter than 0")
	case c.maxAnswerBytes < 1:
		return misconfigured(nil, "an answer's bound is 1 byte at least")
	}
	return c.call.check()
}

func (c callConfig) check() error {
	if c.timeout <= 0 {
		return misconfigured(nil, "the time-out is longer than 0")
	}
	if c.waitForApproval < 0 {
		return misconfigured(nil, "the wait for an approval cannot be shorter than 0")
	}
	return nil
}
